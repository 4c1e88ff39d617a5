"""A bucket of an S3-compatible server. Imported only where one is set: its client is not part of what is needed to run.

- `place.py` says where it is, `requests.py` what is asked of it, `failures.py` what becomes of what goes wrong.
- `claim.py` sees to it that a bucket has one database, because what no row names is deleted from it.

`blob_bucket.py` beside this package keeps the contents of files in it.
"""
