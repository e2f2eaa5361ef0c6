"""Files: how they are written so that they last, kept from other users, and locked. Nothing else syncs or locks one."""
