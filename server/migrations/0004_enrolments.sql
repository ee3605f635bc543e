-- The request by which a device enrolled: one that arrives again later, from wherever it was kept, enrols nobody.
ALTER TABLE devices ADD COLUMN enrolled_by TEXT NOT NULL DEFAULT '';
