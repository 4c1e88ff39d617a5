-- Buckets that hold contents of files, where a setting names one: by bucket and prefix. The object in the bucket that
-- says whose it is reads `token`, or, where a server died while it wrote that object, `next_token`.
CREATE TABLE bucket_claims (
    place      TEXT PRIMARY KEY NOT NULL,
    token      TEXT NOT NULL,
    next_token TEXT NOT NULL
);
