"""The live page of `memmux top`: `figures` is what it shows, `page` how that is drawn, `live` keeps it up to date."""
