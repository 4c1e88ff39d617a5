-- What the model thought before a step or in it; null where it showed nothing. Beside `doc`, as clients never see it there.
ALTER TABLE steps ADD COLUMN reasoning TEXT;
