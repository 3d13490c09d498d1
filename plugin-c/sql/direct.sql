\pset format unaligned
\pset tuples_only on
-- What is printed straight into the line is what the output functions of the types print, at the edges and between.
SELECT skip();
CREATE DOMAIN small AS int2;
CREATE DOMAIN whole AS int4;
CREATE DOMAIN big AS int8;
CREATE DOMAIN yes AS bool;
CREATE DOMAIN single AS float4;
CREATE DOMAIN double AS float8;
CREATE DOMAIN day AS date;
CREATE DOMAIN hour AS time;
CREATE DOMAIN instant AS timestamp;
CREATE DOMAIN moment AS timestamptz(3);
CREATE DOMAIN label AS uuid;
CREATE DOMAIN label_of AS label;
CREATE TABLE direct (id int PRIMARY KEY,
	i2 int2, i4 int4, i8 int8, b bool, f4 float4, f8 float8, d date, t time, ts timestamp, tsz timestamptz, u uuid,
	di2 small, di4 whole, di8 big, db yes, df4 single, df8 double, dd day, dt hour, dts instant, dtsz moment, du label_of);
SET TimeZone = 'UTC';
CREATE FUNCTION fill(first int, i2 int2[], i4 int4[], i8 int8[], f4 float4[], f8 float8[], d date[], t time[], ts timestamp[]) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO direct
	SELECT first + n, v2, v4, v8, n % 2 = 0, vf4, vf8, vd, vt, vts, vts AT TIME ZONE 'UTC', md5(n::text)::uuid,
		v2, v4, v8, n % 2 = 1, vf4, vf8, vd, vt, vts, vts AT TIME ZONE 'UTC', md5(n::text)::uuid
	FROM generate_series(0, 999) n,
		LATERAL (SELECT i2[1 + n % cardinality(i2)] AS v2, i4[1 + n % cardinality(i4)] AS v4, i8[1 + n % cardinality(i8)] AS v8,
			f4[1 + n % cardinality(f4)] AS vf4, f8[1 + n % cardinality(f8)] AS vf8, d[1 + n % cardinality(d)] AS vd,
			t[1 + n % cardinality(t)] AS vt, ts[1 + n % cardinality(ts)] AS vts) v
$$;
-- The edges.
SELECT fill(0,
	'{-32768,-32767,-10000,-9999,-1,0,1,9,10,99,100,999,1000,9999,10000,32767}',
	'{-2147483648,-2147483647,-1000000000,-999999999,-1,0,1,99999,100000,999999999,1000000000,2147483647}',
	'{-9223372036854775808,-9223372036854775807,-1000000000000000000,-4294967296,-1,0,1,4294967295,4294967296,99999999999999999,100000000000000000,999999999999999999,1000000000000000000,9223372036854775807}',
	'{NaN,Infinity,-Infinity,0,-0,1e-45,1.17549435e-38,3.4028235e38,-3.4028235e38,1e-5,0.0001,1e5,1e6,1e7,16777216,16777217,0.1,0.3,123456.7,1234567}',
	'{NaN,Infinity,-Infinity,0,-0,5e-324,2.2250738585072014e-308,1.7976931348623157e308,-1.7976931348623157e308,1e-5,0.0001,1e14,1e15,1e16,1e17,9007199254740991,9007199254740993,0.1,0.30000000000000004,1e22,1e23,123456789.123456789,-1e-7}',
	'{-infinity,infinity,"4714-11-24 BC","4713-01-01 BC","0044-03-15 BC","0001-12-31 BC",0001-01-01,0099-02-28,0999-12-31,1582-10-04,1900-02-28,1900-03-01,1969-12-31,1970-01-01,1999-12-31,2000-01-01,2000-02-29,2024-02-29,9999-12-31,10000-01-01,99999-12-31,294277-01-01,5874897-12-31}',
	'{00:00,24:00,23:59:59.999999,00:00:00.000001,00:00:00.1,12:34:56.7,12:34:56.78,12:34:56.789,12:34:56.789012,09:08:07.000100}',
	'{-infinity,infinity,"4714-11-24 00:00:00 BC","4714-11-24 00:00:00.000001 BC","0001-12-31 23:59:59.999999 BC","0001-12-31 BC",0001-01-01,"0001-01-01 00:00:00.5","0999-12-31 23:59:59","1969-12-31 23:59:59.9","1970-01-01 00:00:00.000001","1999-12-31 23:59:59.999999",2000-01-01,"2000-01-01 00:00:00.000001","2000-02-29 12:00:00.12","2026-01-01 00:02:01.5","9999-12-31 23:59:59.999999",10000-01-01,"99999-12-31 01:02:03.0004","294276-12-31 23:59:59.999","294276-12-31 23:59:59"}');
-- Between them: steps that come by everything.
SELECT fill(1000,
	array_agg(((n * 65.6) - 32768)::int2), array_agg((n * 4294967.0 - 2147483648)::int4), array_agg((n * 18446744073709551.0 - 9223372036854775808)::int8),
	array_agg(((n * 7919 % 1000003) * power(10, n % 70 - 40))::float4), array_agg((n * 7919 % 1000003) / 7.0 * power(10::float8, n % 560 - 290)),
	array_agg('4714-11-24 BC'::date + n * 2147321), array_agg(time '00:00' + n * interval '86.378231 seconds'),
	array_agg(timestamp '4714-11-24 BC' + n * interval '109203 days 21:53:07.310421'))
FROM generate_series(0, 999) n;
-- The columns that the log has, under settings of the session that would change them all.
SET DateStyle = 'German, DMY';
SET IntervalStyle = 'iso_8601';
SET TimeZone = 'Asia/Kathmandu';
SET extra_float_digits = -15;
CREATE TEMP TABLE sent AS SELECT regexp_replace(line, E'_xid\t[0-9]+', E'_xid\tX') AS line
FROM pg_logical_slot_get_changes('regress', NULL, NULL) AS sent, regexp_split_to_table(data, E'\n') AS line WHERE line ~ E'\t_action\tinsert\t';
SET DateStyle = 'ISO, MDY';
SET TimeZone = 'UTC';
SET extra_float_digits = 1;
CREATE TEMP TABLE printed AS SELECT format(
	E'_table\tdirect\t_xid\tX\t_action\tinsert\tid\t%s\ti2\t%s\ti4\t%s\ti8\t%s\tb\t%s\tf4\t%s\tf8\t%s\td\t%s\tt\t%s\tts\t%s\ttsz\t%s\tu\t%s\tdi2\t%s\tdi4\t%s\tdi8\t%s\tdb\t%s\tdf4\t%s\tdf8\t%s\tdd\t%s\tdt\t%s\tdts\t%s\tdtsz\t%s\tdu\t%s',
	id, i2, i4, i8, b, f4, f8, d, t, ts, tsz, u, di2, di4, di8, db, df4, df8, dd, dt, dts, dtsz, du) AS line FROM direct;
SELECT (SELECT count(*) FROM sent) AS sent, (SELECT count(*) FROM printed) AS printed, (SELECT count(*) FROM sent JOIN printed USING (line)) AS same;
SELECT 'sent' AS side, * FROM (SELECT line FROM sent EXCEPT SELECT line FROM printed ORDER BY line LIMIT 3) a
UNION ALL SELECT 'printed', * FROM (SELECT line FROM printed EXCEPT SELECT line FROM sent ORDER BY line LIMIT 3) b;
-- What an update and a delete send goes the same way, and what old rows hold.
UPDATE direct SET ts = 'infinity', id = -1 WHERE id = 0;
ALTER TABLE direct ADD COLUMN added timestamptz DEFAULT '0044-03-15 12:00:00.5+00 BC';
DELETE FROM direct WHERE id = 1;
SELECT substring(line FROM E'_action\treplace.*|_action\tdelete.*|\tts\tinfinity\t.*|\tadded\t.*') FROM lines() AS line WHERE line ~ E'^_table\tdirect\t';
RESET TimeZone;
RESET DateStyle;
RESET IntervalStyle;
RESET extra_float_digits;
DROP TABLE direct;
DROP FUNCTION fill;
DROP DOMAIN small, whole, big, yes, single, double, day, hour, instant, moment, label_of, label;
SELECT skip();
