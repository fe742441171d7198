-- The questions of docs/duckdb.md to ClickHouse. `.ci/engines` asks them, and compares the answers with those of that page.
-- Lines that begin with `-- ?` are the titles there. ClickHouse has no NULL of a list: it reads one as an empty list.

-- ? How many containers, of which engines, from when?
SELECT coalesce(engine, 'bare CRIU') AS engine, count() AS containers, toDate(min(checkpointed)) AS first
FROM container GROUP BY ALL ORDER BY containers DESC, engine;

-- ? Where does a shell talk to the network by its standard input?
SELECT archive, pid, p.cmdline AS cmdline, s.remote_address AS remote_address, s.remote_port AS remote_port
FROM processes AS p JOIN process_open_sockets AS s USING (archive, set, pid)
WHERE s.fd = 0 AND s.family LIKE 'inet%' AND match(p.path, '/(ba|da|z|k)?sh$')
ORDER BY ALL;

-- ? Which addresses outside do most containers talk to?
SELECT remote_address, uniqExact(archive) AS archives, uniqExact(archive, pid) AS processes
FROM process_open_sockets
WHERE state = 'ESTABLISHED' AND NOT match(remote_address,
  '^(::ffff:)?(0|10|127|169[.]254|192[.]168|172[.](1[6-9]|2[0-9]|3[01]))[.]|^::1?$|^f[cd]..:|^fe[89ab].:')
GROUP BY ALL ORDER BY archives DESC, remote_address;

-- ? Which programs run in one container only?
SELECT any(p.archive) AS archive, path, any(p.cmdline) AS cmdline
FROM processes AS p WHERE path LIKE '/tmp/%' OR path LIKE '/memfd:%' OR path LIKE '%(deleted)'
GROUP BY path HAVING uniqExact(p.archive) = 1 ORDER BY path;

-- ? Which files that no disk has any more are the same in several places?
SELECT left(f.sha256, 12) AS sha256, count() AS files, arrayStringConcat(arraySort(groupUniqArray(source)), ' ') AS sources, min(f.path) AS path
FROM recovered_files AS f WHERE size > 1000
GROUP BY ALL HAVING files > 1 ORDER BY files DESC, sha256 LIMIT 5;

-- ? Where can memory be written and executed, in how many processes?
SELECT archive, kind, uniqExact(pid) AS processes, sum(recorded_bytes) AS bytes
FROM process_memory_map WHERE permissions LIKE '_wx%'
GROUP BY ALL ORDER BY bytes DESC, archive, kind LIMIT 5;

-- ? Who could break out: what do specifications loosen?
SELECT fact, item, uniqExact(archive) AS archives
FROM isolation WHERE unusual
GROUP BY ALL ORDER BY archives DESC, fact, item LIMIT 10;

-- ? Which programs did containers add that make whoever starts them root?
SELECT archive, path, mode, mtime FROM rootfs_changes WHERE setuid OR capabilities <> '' ORDER BY ALL;

-- ? Which keys do environments have in them?
SELECT key, uniqExact(archive) AS archives, uniqExact(pid) AS processes
FROM process_envs WHERE match(key, 'SECRET|TOKEN|PASSWORD|ACCESS_KEY|DATABASE_URL')
GROUP BY ALL ORDER BY key;

-- ? What listens, and on how many containers?
SELECT protocol, local_port, uniqExact(archive) AS archives
FROM process_open_sockets WHERE state = 'LISTEN' AND protocol = 'tcp'
GROUP BY ALL HAVING archives > 1 ORDER BY archives DESC, local_port;

-- ? What waited to be read, with an address of the web in it?
SELECT archive, socket, bytes, extract(text, 'http[^ ]*') AS address FROM unix_queues WHERE address <> '' ORDER BY ALL;

-- ? Which archives are not whole, and what is missing?
SELECT archive, code, count() AS warnings FROM warnings
GROUP BY ALL ORDER BY warnings DESC, archive, code LIMIT 8;

-- ? What happened in the minute before the dump?
SELECT c.name AS name, l.time AS time, left(l.text, 60) AS text
FROM log_lines AS l JOIN container AS c USING (archive, set)
WHERE l.time BETWEEN c.checkpointed - INTERVAL 1 MINUTE AND c.checkpointed AND position(l.text, 'GET') > 0
ORDER BY ALL;
