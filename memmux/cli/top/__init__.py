"""The live page of `memmux top`: `view` is what it shows, `page` how that is drawn, `live` keeps it up to date."""
