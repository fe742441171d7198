-- The questions of docs/duckdb.md for Spark. `.ci/engines` runs them and compares the answers with those of that page.
-- Lines that begin with `-- ?` are its titles. Spark sorts NULL first by default.

-- ? How many containers are there, from which engines, since when?
SELECT coalesce(engine, 'bare CRIU') AS engine, count(*) AS containers, CAST(min(checkpointed) AS DATE) AS first
FROM container GROUP BY 1 ORDER BY containers DESC, engine;

-- ? Which shells have a connection as standard input?
SELECT archive, pid, p.cmdline, s.remote_address, s.remote_port
FROM processes p JOIN process_open_sockets s USING (archive, set, pid)
WHERE s.fd = 0 AND s.family LIKE 'inet%' AND p.path RLIKE '/(ba|da|z|k)?sh$'
ORDER BY ALL;

-- ? Which public addresses do most containers talk to?
SELECT remote_address, count(DISTINCT archive) AS archives, count(DISTINCT archive, pid) AS processes
FROM process_open_sockets
WHERE remote_port > 0 AND NOT remote_address RLIKE
  '^(::ffff:)?(0|10|127|169[.]254|192[.]168|172[.](1[6-9]|2[0-9]|3[01]))[.]|^::1?$|^f[cd]..:|^fe[89ab].:'
GROUP BY remote_address ORDER BY archives DESC, remote_address;

-- ? Which unusual programs run in one container only?
SELECT any_value(archive) AS archive, path, any_value(cmdline) AS cmdline
FROM processes WHERE path LIKE '/tmp/%' OR path LIKE '/memfd:%' OR path LIKE '%(deleted)'
GROUP BY path HAVING count(DISTINCT archive) = 1 ORDER BY path;

-- ? Which deleted or memory-only files occur in several places?
SELECT left(sha256, 12) AS sha256, count(*) AS files, array_join(array_sort(collect_set(source)), ' ') AS sources, min(path) AS path
FROM recovered_files WHERE size > 1000
GROUP BY left(sha256, 12) HAVING count(*) > 1 ORDER BY files DESC, sha256 LIMIT 5;

-- ? Where is executable memory that is not from a file?
SELECT archive, kind, count(DISTINCT pid) AS processes, sum(recorded_bytes) AS bytes
FROM process_memory_map WHERE permissions LIKE '__x%' AND recorded_bytes > 0 AND kind NOT IN ('file', 'vdso', 'vsyscall')
GROUP BY archive, kind ORDER BY bytes DESC, archive, kind LIMIT 5;

-- ? What loosens isolation, and in how many containers?
SELECT fact, item, count(DISTINCT archive) AS archives
FROM isolation WHERE unusual
GROUP BY fact, item ORDER BY archives DESC, fact, item LIMIT 10;

-- ? Which added programs have set-user-id or capabilities?
SELECT archive, path, mode, CAST(mtime AS TIMESTAMP_NTZ) AS mtime
FROM rootfs_changes WHERE setuid OR capabilities <> '' ORDER BY ALL;

-- ? Which secrets are in environments?
SELECT key, count(DISTINCT archive) AS archives, count(DISTINCT pid) AS processes
FROM process_envs WHERE key RLIKE '(?i)pass|secret|token|key|cred|auth|dsn'
  OR value RLIKE '://[^/ :@]+:[^/ @]+@'
GROUP BY key ORDER BY key;

-- ? Which ports are open in several containers?
SELECT protocol, local_port, count(DISTINCT archive) AS archives
FROM process_open_sockets WHERE family LIKE 'inet%'
  AND (state = 'LISTEN' OR (protocol = 'udp' AND kernel_state = 'CLOSE' AND local_port > 0))
GROUP BY protocol, local_port HAVING archives > 1 ORDER BY archives DESC, local_port;

-- ? Which waiting messages contain a URL?
SELECT * FROM (
  SELECT archive, socket, bytes, regexp_extract(text, 'http[^ ]*', 0) AS address FROM unix_queues
) WHERE address <> '' ORDER BY ALL;

-- ? Which archives are incomplete, and what is missing?
SELECT archive, code, count(*) AS warnings FROM warnings
GROUP BY archive, code ORDER BY warnings DESC, archive, code LIMIT 8;

-- ? What was logged in the minute before the dump?
SELECT c.name, CAST(l.time AS TIMESTAMP_NTZ) AS time, left(l.text, 60) AS text
FROM log_lines l JOIN container c USING (archive, set)
WHERE l.time BETWEEN c.checkpointed - INTERVAL 1 MINUTE AND c.checkpointed AND contains(l.text, 'GET')
ORDER BY ALL;
