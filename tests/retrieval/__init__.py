"""Reading files and searching them."""
