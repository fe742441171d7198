-- The questions of docs/duckdb.md to Spark. `.ci/engines` asks them, and compares the answers with those of that page.
-- Lines that begin with `-- ?` are the titles there. Spark sorts NULL first where nothing else is said.

-- ? How many containers, of which engines, from when?
SELECT coalesce(engine, 'bare CRIU') AS engine, count(*) AS containers, CAST(min(checkpointed) AS DATE) AS first
FROM container GROUP BY 1 ORDER BY containers DESC, engine;

-- ? Where does a shell talk to the network by its standard input?
SELECT archive, pid, p.cmdline, s.remote_address, s.remote_port
FROM processes p JOIN process_open_sockets s USING (archive, set, pid)
WHERE s.fd = 0 AND s.family LIKE 'inet%' AND p.path RLIKE '/(ba|da|z|k)?sh$'
ORDER BY ALL;

-- ? Which addresses outside do most containers talk to?
SELECT remote_address, count(DISTINCT archive) AS archives, count(DISTINCT archive, pid) AS processes
FROM process_open_sockets
WHERE state = 'ESTABLISHED' AND NOT remote_address RLIKE
  '^(::ffff:)?(0|10|127|169[.]254|192[.]168|172[.](1[6-9]|2[0-9]|3[01]))[.]|^::1?$|^f[cd]..:|^fe[89ab].:'
GROUP BY remote_address ORDER BY archives DESC, remote_address;

-- ? Which programs run in one container only?
SELECT any_value(archive) AS archive, path, any_value(cmdline) AS cmdline
FROM processes WHERE path LIKE '/tmp/%' OR path LIKE '/memfd:%' OR path LIKE '%(deleted)'
GROUP BY path HAVING count(DISTINCT archive) = 1 ORDER BY path;

-- ? Which files that no disk has any more are the same in several places?
SELECT left(sha256, 12) AS sha256, count(*) AS files, array_join(array_sort(collect_set(source)), ' ') AS sources, min(path) AS path
FROM recovered_files WHERE size > 1000
GROUP BY left(sha256, 12) HAVING count(*) > 1 ORDER BY files DESC, sha256 LIMIT 5;

-- ? Where can memory be written and executed, in how many processes?
SELECT archive, kind, count(DISTINCT pid) AS processes, sum(recorded_bytes) AS bytes
FROM process_memory_map WHERE permissions LIKE '_wx%'
GROUP BY archive, kind ORDER BY bytes DESC, archive, kind LIMIT 5;

-- ? Who could break out: what do specifications loosen?
SELECT fact, item, count(DISTINCT archive) AS archives
FROM isolation WHERE unusual
GROUP BY fact, item ORDER BY archives DESC, fact, item LIMIT 10;

-- ? Which programs did containers add that make whoever starts them root?
SELECT archive, path, mode, CAST(mtime AS TIMESTAMP_NTZ) AS mtime
FROM rootfs_changes WHERE setuid OR capabilities <> '' ORDER BY ALL;

-- ? Which keys do environments have in them?
SELECT key, count(DISTINCT archive) AS archives, count(DISTINCT pid) AS processes
FROM process_envs WHERE key RLIKE 'SECRET|TOKEN|PASSWORD|ACCESS_KEY|DATABASE_URL'
GROUP BY key ORDER BY key;

-- ? What listens, and on how many containers?
SELECT protocol, local_port, count(DISTINCT archive) AS archives
FROM process_open_sockets WHERE state = 'LISTEN' AND protocol = 'tcp'
GROUP BY protocol, local_port HAVING archives > 1 ORDER BY archives DESC, local_port;

-- ? What waited to be read, with an address of the web in it?
SELECT * FROM (
  SELECT archive, socket, bytes, regexp_extract(text, 'http[^ ]*', 0) AS address FROM unix_queues
) WHERE address <> '' ORDER BY ALL;

-- ? Which archives are not whole, and what is missing?
SELECT archive, code, count(*) AS warnings FROM warnings
GROUP BY archive, code ORDER BY warnings DESC, archive, code LIMIT 8;

-- ? What happened in the minute before the dump?
SELECT c.name, CAST(l.time AS TIMESTAMP_NTZ) AS time, left(l.text, 60) AS text
FROM log_lines l JOIN container c USING (archive, set)
WHERE l.time BETWEEN c.checkpointed - INTERVAL 1 MINUTE AND c.checkpointed AND contains(l.text, 'GET')
ORDER BY ALL;
