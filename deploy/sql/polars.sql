-- The questions of docs/duckdb.md for Polars' SQLContext. `.ci/engines` runs them and compares the answers with those of that
-- page. Lines that begin with `-- ?` are its titles.

-- ? How many containers are there, from which engines, since when?
SELECT engine, COUNT(*) AS containers, CAST(MIN(checkpointed) AS DATE) AS first
FROM (SELECT COALESCE(engine, 'bare CRIU') AS engine, checkpointed FROM container)
GROUP BY engine ORDER BY containers DESC, engine;

-- ? Which shells have a connection as standard input?
SELECT archive, pid, p.cmdline, s.remote_address, s.remote_port
FROM processes AS p JOIN process_open_sockets AS s USING (archive, "set", pid)
WHERE s.fd = 0 AND s.family LIKE 'inet%' AND REGEXP_LIKE(p.path, '/(ba|da|z|k)?sh$')
ORDER BY archive, pid;

-- ? Which public addresses do most containers talk to?
SELECT remote_address, COUNT(DISTINCT archive) AS archives, COUNT(DISTINCT process) AS processes
FROM (SELECT *, CONCAT(archive, ' ', "set", ' ', pid) AS process FROM process_open_sockets)
WHERE remote_port > 0 AND NOT REGEXP_LIKE(remote_address,
  '^(::ffff:)?(0|10|127|169[.]254|192[.]168|172[.](1[6-9]|2[0-9]|3[01]))[.]|^::1?$|^f[cd]..:|^fe[89ab].:')
GROUP BY remote_address ORDER BY archives DESC, remote_address;

-- ? Which unusual programs run in one container only?
SELECT FIRST(archive) AS archive, path, FIRST(cmdline) AS cmdline
FROM processes WHERE path LIKE '/tmp/%' OR path LIKE '/memfd:%' OR path LIKE '%(deleted)'
GROUP BY path HAVING COUNT(DISTINCT archive) = 1 ORDER BY path;

-- ? Which deleted or memory-only files occur in several places?
SELECT sha256, COUNT(*) AS files, STRING_AGG(DISTINCT source, ' ' ORDER BY source) AS sources, MIN(path) AS path
FROM (SELECT LEFT(sha256, 12) AS sha256, source, path FROM recovered_files WHERE size > 1000)
GROUP BY sha256 HAVING COUNT(*) > 1 ORDER BY files DESC, sha256 LIMIT 5;

-- ? Where is executable memory that is not from a file?
SELECT archive, kind, COUNT(DISTINCT pid) AS processes, SUM(recorded_bytes) AS bytes
FROM process_memory_map WHERE permissions LIKE '__x%' AND recorded_bytes > 0 AND kind NOT IN ('file', 'vdso', 'vsyscall')
GROUP BY archive, kind ORDER BY bytes DESC, archive, kind LIMIT 5;

-- ? What loosens isolation, and in how many containers?
SELECT fact, item, COUNT(DISTINCT archive) AS archives
FROM isolation WHERE unusual
GROUP BY fact, item ORDER BY archives DESC, fact, item LIMIT 10;

-- ? Which added programs have set-user-id or capabilities?
SELECT archive, path, mode, mtime FROM rootfs_changes WHERE setuid OR capabilities <> '' ORDER BY archive, path;

-- ? Which secrets are in environments?
SELECT key, COUNT(DISTINCT archive) AS archives, COUNT(DISTINCT pid) AS processes
FROM process_envs WHERE REGEXP_LIKE(key, '(?i)pass|secret|token|key|cred|auth|dsn')
  OR REGEXP_LIKE(value, '://[^/ :@]+:[^/ @]+@')
GROUP BY key ORDER BY key;

-- ? Which ports are open in several containers?
SELECT protocol, local_port, COUNT(DISTINCT archive) AS archives
FROM process_open_sockets WHERE family LIKE 'inet%'
  AND (state = 'LISTEN' OR (protocol = 'udp' AND kernel_state = 'CLOSE' AND local_port > 0))
GROUP BY protocol, local_port HAVING COUNT(DISTINCT archive) > 1 ORDER BY archives DESC, local_port;

-- ? Which waiting messages contain a URL?
SELECT archive, socket, bytes, SPLIT_PART(SUBSTR(text, STRPOS(text, 'http')), ' ', 1) AS address
FROM unix_queues WHERE REGEXP_LIKE(text, 'http') ORDER BY archive, socket;

-- ? Which archives are incomplete, and what is missing?
SELECT archive, code, COUNT(*) AS warnings FROM warnings
GROUP BY archive, code ORDER BY warnings DESC, archive, code LIMIT 8;

-- ? What was logged in the minute before the dump?
SELECT c.name, l.time, LEFT(l.text, 60) AS text
FROM log_lines AS l JOIN container AS c USING (archive, "set")
WHERE l.time BETWEEN c.checkpointed - INTERVAL '1 minute' AND c.checkpointed AND l.text LIKE '%GET%'
ORDER BY c.name, l.time, text;
