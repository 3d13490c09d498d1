-- The tables of the sample log in the original format, for: sqlite3 cache.db < logs/sample.sql
CREATE TABLE flights (ident TEXT NOT NULL PRIMARY KEY, orig TEXT, dest TEXT, alt INTEGER);
CREATE TABLE airports (code TEXT NOT NULL PRIMARY KEY, name TEXT, elev INTEGER);
