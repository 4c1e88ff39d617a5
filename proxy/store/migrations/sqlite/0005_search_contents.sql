-- The step with the contents of its search results, which are shown on request; null where `doc` is all there is.
ALTER TABLE steps ADD COLUMN full_doc TEXT;
