-- The questions of docs/duckdb.md for ClickHouse. `.ci/engines` runs them and compares the answers with those of that page.
-- Lines that begin with `-- ?` are its titles. ClickHouse has no null lists: it reads them as empty lists.

-- ? How many containers are there, from which engines, since when?
SELECT coalesce(engine, 'bare CRIU') AS engine, count() AS containers, toDate(min(checkpointed)) AS first
FROM container GROUP BY ALL ORDER BY containers DESC, engine;

-- ? Which shells have a connection as standard input?
SELECT archive, pid, p.cmdline AS cmdline, s.remote_address AS remote_address, s.remote_port AS remote_port
FROM processes AS p JOIN process_open_sockets AS s USING (archive, set, pid)
WHERE s.fd = 0 AND s.family LIKE 'inet%' AND match(p.path, '/(ba|da|z|k)?sh$')
ORDER BY ALL;

-- ? Which public addresses do most containers talk to?
SELECT remote_address, uniqExact(archive) AS archives, uniqExact(archive, pid) AS processes
FROM process_open_sockets
WHERE remote_port > 0 AND NOT match(remote_address,
  '^(::ffff:)?(0|10|127|169[.]254|192[.]168|172[.](1[6-9]|2[0-9]|3[01]))[.]|^::1?$|^f[cd]..:|^fe[89ab].:')
GROUP BY ALL ORDER BY archives DESC, remote_address;

-- ? Which unusual programs run in one container only?
SELECT any(p.archive) AS archive, path, any(p.cmdline) AS cmdline
FROM processes AS p WHERE path LIKE '/tmp/%' OR path LIKE '/memfd:%' OR path LIKE '%(deleted)'
GROUP BY path HAVING uniqExact(p.archive) = 1 ORDER BY path;

-- ? Which deleted or memory-only files occur in several places?
SELECT left(f.sha256, 12) AS sha256, count() AS files, arrayStringConcat(arraySort(groupUniqArray(source)), ' ') AS sources, min(f.path) AS path
FROM recovered_files AS f WHERE size > 1000
GROUP BY ALL HAVING files > 1 ORDER BY files DESC, sha256 LIMIT 5;

-- ? Where is executable memory that is not from a file?
SELECT archive, kind, uniqExact(pid) AS processes, sum(recorded_bytes) AS bytes
FROM process_memory_map WHERE permissions LIKE '__x%' AND recorded_bytes > 0 AND kind NOT IN ('file', 'vdso', 'vsyscall')
GROUP BY ALL ORDER BY bytes DESC, archive, kind LIMIT 5;

-- ? What loosens isolation, and in how many containers?
SELECT fact, item, uniqExact(archive) AS archives
FROM isolation WHERE unusual
GROUP BY ALL ORDER BY archives DESC, fact, item LIMIT 10;

-- ? Which added programs have set-user-id or capabilities?
SELECT archive, path, mode, mtime FROM rootfs_changes WHERE setuid OR capabilities <> '' ORDER BY ALL;

-- ? Which secrets are in environments?
SELECT key, uniqExact(archive) AS archives, uniqExact(pid) AS processes
FROM process_envs WHERE match(key, '(?i)pass|secret|token|key|cred|auth|dsn')
  OR match(value, '://[^/ :@]+:[^/ @]+@')
GROUP BY ALL ORDER BY key;

-- ? Which ports are open in several containers?
SELECT protocol, local_port, uniqExact(archive) AS archives
FROM process_open_sockets WHERE family LIKE 'inet%'
  AND (state = 'LISTEN' OR (protocol = 'udp' AND kernel_state = 'CLOSE' AND local_port > 0))
GROUP BY ALL HAVING archives > 1 ORDER BY archives DESC, local_port;

-- ? Which waiting messages contain a URL?
SELECT archive, socket, bytes, extract(text, 'http[^ ]*') AS address FROM unix_queues WHERE address <> '' ORDER BY ALL;

-- ? Which archives are incomplete, and what is missing?
SELECT archive, code, count() AS warnings FROM warnings
GROUP BY ALL ORDER BY warnings DESC, archive, code LIMIT 8;

-- ? What was logged in the minute before the dump?
SELECT c.name AS name, l.time AS time, left(l.text, 60) AS text
FROM log_lines AS l JOIN container AS c USING (archive, set)
WHERE l.time BETWEEN c.checkpointed - INTERVAL 1 MINUTE AND c.checkpointed AND position(l.text, 'GET') > 0
ORDER BY ALL;
