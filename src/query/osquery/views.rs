//! osquery's tables that are views over ours.

/// A view.
#[derive(Debug)]
pub(in crate::query) struct View {
    /// Its name.
    pub(in crate::query) name: &'static str,
    /// What it selects. Our tables are in the schema `main`.
    pub(in crate::query) sql: &'static str,
    /// What to know about its rows.
    pub(in crate::query) note: Option<&'static str>,
}

const fn view(name: &'static str, sql: &'static str) -> View {
    View { name, sql, note: None }
}

const fn noted(name: &'static str, sql: &'static str, note: &'static str) -> View {
    View { name, sql, note: Some(note) }
}

/// Why most tables about the host have no rows.
const OF_HOST: &str = "a checkpoint of a container has nothing about the host";

/// The views.
pub(in crate::query) const VIEWS: &[View] = &[
    view(
        "processes",
        "SELECT pid, name, CASE WHEN path LIKE '% (deleted)' THEN substr(path, 1, length(path) - 10) ELSE path END AS path, \
         cmdline, CASE state WHEN 'stopped' THEN 'T' WHEN 'zombie' THEN 'Z' WHEN 'dead' THEN 'X' ELSE 'S' END AS state, \
         cwd, root, uid, gid, euid, egid, suid, sgid, \
         CASE WHEN path IS NULL THEN -1 WHEN path LIKE '% (deleted)' THEN 0 ELSE 1 END AS on_disk, \
         NULL AS wired_size, recorded_size AS resident_size, total_size, NULL AS user_time, NULL AS system_time, \
         NULL AS disk_bytes_read, NULL AS disk_bytes_written, NULL AS start_time, parent, pgroup, threads, NULL AS nice, \
         NULL AS cgroup_path FROM main.processes",
    ),
    view("process_envs", "SELECT pid, key, value FROM main.process_envs"),
    view(
        "process_memory_map",
        "SELECT pid, start, \"end\", permissions, offset, device, inode, path, pseudo FROM main.process_memory_map",
    ),
    view("process_open_files", "SELECT pid, fd, path FROM main.process_open_files WHERE path LIKE '/%'"),
    view(
        "process_open_sockets",
        "SELECT pid, fd, socket, CASE family WHEN 'unix' THEN 1 WHEN 'inet' THEN 2 WHEN 'inet6' THEN 10 WHEN 'netlink' THEN 16 \
         WHEN 'packet' THEN 17 ELSE 0 END AS family, CASE protocol WHEN 'icmp' THEN 1 WHEN 'tcp' THEN 6 WHEN 'udp' THEN 17 \
         WHEN 'udplite' THEN 136 ELSE 0 END AS protocol, coalesce(local_address, '') AS local_address, \
         coalesce(remote_address, '') AS remote_address, coalesce(local_port, 0) AS local_port, \
         coalesce(remote_port, 0) AS remote_port, coalesce(path, '') AS path, state, net_namespace \
         FROM main.process_open_sockets",
    ),
    view(
        "listening_ports",
        "SELECT pid, coalesce(local_port, 0) AS port, CASE protocol WHEN 'tcp' THEN 6 WHEN 'udp' THEN 17 WHEN 'udplite' THEN 136 \
         ELSE 0 END AS protocol, CASE family WHEN 'unix' THEN 1 WHEN 'inet' THEN 2 WHEN 'inet6' THEN 10 ELSE 0 END AS family, \
         coalesce(local_address, '') AS address, fd, socket, coalesce(path, '') AS path, net_namespace \
         FROM main.process_open_sockets WHERE state = 'LISTEN' \
         OR protocol IN ('udp', 'udplite') AND coalesce(remote_port, 0) = 0 AND local_port > 0",
    ),
    view(
        "process_open_pipes",
        "WITH ends AS (SELECT inode, kind, 'r' AS mode, substr(value, 1, instr(value, ':') - 1) AS pid, \
         substr(value, instr(value, ':') + 1) AS fd FROM main.pipes, json_each(main.pipes.readers) UNION ALL \
         SELECT inode, kind, 'w', substr(value, 1, instr(value, ':') - 1), substr(value, instr(value, ':') + 1) \
         FROM main.pipes, json_each(main.pipes.writers)) \
         SELECT CAST(a.pid AS INTEGER) AS pid, CAST(a.fd AS INTEGER) AS fd, a.mode AS mode, a.inode AS inode, \
         CASE a.kind WHEN 'fifo' THEN 'named' ELSE 'anonymous' END AS type, CAST(b.pid AS INTEGER) AS partner_pid, \
         CAST(b.fd AS INTEGER) AS partner_fd, b.mode AS partner_mode \
         FROM ends AS a LEFT JOIN ends AS b ON a.inode = b.inode AND a.kind = b.kind AND a.mode <> b.mode",
    ),
    view(
        "process_namespaces",
        "SELECT pid, cgroup AS cgroup_namespace, ipc AS ipc_namespace, mnt AS mnt_namespace, net AS net_namespace, \
         pid_ns AS pid_namespace, user AS user_namespace, uts AS uts_namespace FROM main.process_namespaces",
    ),
    view(
        "mounts",
        "SELECT coalesce(source, device) AS device, coalesce(source, device) AS device_alias, path, type, NULL AS blocks_size, \
         NULL AS blocks, NULL AS blocks_free, NULL AS blocks_available, NULL AS inodes, NULL AS inodes_free, \
         (SELECT group_concat(value, ',') FROM json_each(options)) AS flags FROM main.mounts WHERE \"from\" = 'image'",
    ),
    view(
        "interface_addresses",
        "SELECT interface, address, prefix_length AS mask, broadcast, NULL AS point_to_point, scope AS type, \
         interface AS friendly_name FROM main.addresses WHERE \"from\" = 'image'",
    ),
    view(
        "interface_details",
        "SELECT interface, mac, type, mtu, NULL AS metric, flags, NULL AS ipackets, NULL AS opackets, NULL AS ibytes, \
         NULL AS obytes FROM main.interfaces",
    ),
    view(
        "routes",
        "SELECT destination, prefix_length AS netmask, gateway, source, flags, interface, mtu, metric, type FROM main.routes",
    ),
    view(
        "iptables",
        "SELECT table_name AS filter_name, chain, NULL AS policy, NULL AS target, NULL AS protocol, NULL AS src_port, \
         NULL AS dst_port, NULL AS src_ip, NULL AS src_mask, NULL AS iniface, NULL AS iniface_mask, NULL AS dst_ip, \
         NULL AS dst_mask, NULL AS outiface, NULL AS outiface_mask, rule AS match, NULL AS packets, NULL AS bytes \
         FROM main.firewall WHERE NOT criu",
    ),
    noted(
        "system_controls",
        "SELECT name, NULL AS oid, substr(name, 1, instr(name, '.') - 1) AS subsystem, value AS current_value, \
         NULL AS config_value, 'string' AS type, NULL AS field_name FROM main.sysctls WHERE name IS NOT NULL",
        "only settings of the container's network and IPC namespaces are known, and Linux gives them no oid",
    ),
    view(
        "system_info",
        "SELECT hostname, NULL AS uuid, architecture AS cpu_type, NULL AS cpu_subtype, NULL AS cpu_brand, \
         NULL AS cpu_physical_cores, NULL AS cpu_logical_cores, NULL AS physical_memory, NULL AS hardware_vendor, \
         NULL AS hardware_model, NULL AS hardware_serial, hostname AS computer_name, hostname AS local_hostname \
         FROM main.container",
    ),
    view(
        "time",
        "SELECT CASE strftime('%w', checkpointed) WHEN '0' THEN 'Sunday' WHEN '1' THEN 'Monday' WHEN '2' THEN 'Tuesday' \
         WHEN '3' THEN 'Wednesday' WHEN '4' THEN 'Thursday' WHEN '5' THEN 'Friday' WHEN '6' THEN 'Saturday' END AS weekday, \
         CAST(strftime('%Y', checkpointed) AS INTEGER) AS year, \
         CAST(strftime('%m', checkpointed) AS INTEGER) AS month, CAST(strftime('%d', checkpointed) AS INTEGER) AS day, \
         CAST(strftime('%H', checkpointed) AS INTEGER) AS hour, CAST(strftime('%M', checkpointed) AS INTEGER) AS minutes, \
         CAST(strftime('%S', checkpointed) AS INTEGER) AS seconds, 'UTC' AS timezone, \
         CAST(strftime('%s', checkpointed) AS INTEGER) AS unix_time, checkpointed AS iso_8601, checkpointed AS datetime \
         FROM main.container",
    ),
    view(
        "docker_containers",
        "SELECT id, name, image, image_id, NULL AS command, CAST(strftime('%s', created) AS INTEGER) AS created, \
         'running' AS state, NULL AS status, root_pid AS pid, NULL AS path, NULL AS config_entrypoint, started AS started_at, \
         NULL AS finished_at, NULL AS privileged, NULL AS security_options, NULL AS env_variables, NULL AS readonly_rootfs, \
         NULL AS cgroup_namespace, NULL AS ipc_namespace, NULL AS mnt_namespace, NULL AS net_namespace, \
         NULL AS pid_namespace, NULL AS user_namespace, NULL AS uts_namespace FROM main.container",
    ),
    view(
        "docker_container_labels",
        "SELECT main.container.id AS id, l.key AS key, l.value AS value FROM main.container, json_each(labels) AS l",
    ),
    view(
        "docker_container_envs",
        "SELECT (SELECT id FROM main.container) AS id, key, value FROM main.process_envs \
         WHERE pid = (SELECT root_pid FROM main.container)",
    ),
    view(
        "docker_container_processes",
        "SELECT (SELECT id FROM main.container) AS id, pid, name, cmdline, CASE state WHEN 'stopped' THEN 'T' \
         WHEN 'zombie' THEN 'Z' ELSE 'S' END AS state, uid, gid, euid, egid, suid, sgid, NULL AS wired_size, \
         recorded_size AS resident_size, total_size, NULL AS start_time, parent, pgroup, threads, NULL AS nice, \
         NULL AS user, NULL AS time, NULL AS cpu, NULL AS mem FROM main.processes",
    ),
    view(
        "docker_container_mounts",
        "SELECT (SELECT id FROM main.container) AS id, type, NULL AS name, source, path AS destination, NULL AS driver, \
         (SELECT group_concat(value, ',') FROM json_each(options)) AS mode, \
         NOT EXISTS (SELECT 1 FROM json_each(options) WHERE value = 'ro') AS rw, propagation \
         FROM main.mounts WHERE \"from\" = 'spec'",
    ),
    view(
        "docker_container_networks",
        "SELECT (SELECT id FROM main.container) AS id, interface AS name, NULL AS network_id, NULL AS endpoint_id, \
         NULL AS gateway, address AS ip_address, prefix_length AS ip_prefix_len, NULL AS ipv6_gateway, NULL AS ipv6_address, \
         NULL AS ipv6_prefix_len, NULL AS mac_address FROM main.addresses",
    ),
    view(
        "docker_container_fs_changes",
        "SELECT (SELECT id FROM main.container) AS id, path, CASE change WHEN 'deleted' THEN 'D' ELSE 'C' END AS change_type \
         FROM main.rootfs_changes WHERE NOT engine_noise",
    ),
    view(
        "docker_info",
        "SELECT id, 1 AS containers, 1 AS containers_running, 0 AS containers_paused, 0 AS containers_stopped, \
         engine_version AS server_version, hostname AS name FROM main.container WHERE engine IN ('Docker', 'Podman')",
    ),
    noted(
        "arp_cache",
        "SELECT NULL AS address, NULL AS mac, NULL AS interface, NULL AS permanent WHERE 0",
        "CRIU does not record neighbours",
    ),
    noted(
        "last",
        "SELECT NULL AS username, NULL AS tty, NULL AS pid, NULL AS type, NULL AS type_name, NULL AS time, NULL AS host WHERE 0",
        "a checkpoint has no record of logins that this table reads",
    ),
    noted(
        "logged_in_users",
        "SELECT NULL AS type, NULL AS user, NULL AS tty, NULL AS host, NULL AS time, NULL AS pid WHERE 0",
        "a checkpoint has no record of logins that this table reads; process_envs has SSH_CONNECTION of sessions",
    ),
    noted("kernel_info", "SELECT NULL AS version, NULL AS arguments, NULL AS path, NULL AS device WHERE 0", OF_HOST),
    noted(
        "kernel_modules",
        "SELECT NULL AS name, NULL AS size, NULL AS used_by, NULL AS status, NULL AS address WHERE 0",
        OF_HOST,
    ),
    noted(
        "memory_info",
        "SELECT NULL AS memory_total, NULL AS memory_free, NULL AS buffers, NULL AS cached, NULL AS swap_cached, \
         NULL AS active, NULL AS inactive, NULL AS swap_total, NULL AS swap_free WHERE 0",
        OF_HOST,
    ),
    noted(
        "usb_devices",
        "SELECT NULL AS usb_address, NULL AS usb_port, NULL AS vendor, NULL AS vendor_id, NULL AS version, NULL AS model, \
         NULL AS model_id, NULL AS serial, NULL AS class, NULL AS subclass, NULL AS protocol, NULL AS removable WHERE 0",
        OF_HOST,
    ),
    noted(
        "block_devices",
        "SELECT NULL AS name, NULL AS parent, NULL AS vendor, NULL AS model, NULL AS size, NULL AS block_size, NULL AS uuid, \
         NULL AS type, NULL AS label WHERE 0",
        OF_HOST,
    ),
    noted(
        "disk_encryption",
        "SELECT NULL AS name, NULL AS uuid, NULL AS encrypted, NULL AS type, NULL AS encryption_status, NULL AS uid, \
         NULL AS user_uuid WHERE 0",
        OF_HOST,
    ),
    noted("memory_map", "SELECT NULL AS name, NULL AS start, NULL AS \"end\" WHERE 0", OF_HOST),
    noted(
        "shared_memory",
        "SELECT NULL AS shmid, NULL AS owner_uid, NULL AS creator_uid, NULL AS pid, NULL AS creator_pid, NULL AS atime, \
         NULL AS dtime, NULL AS ctime, NULL AS permissions, NULL AS size, NULL AS attached, NULL AS status, \
         NULL AS locked WHERE 0",
        "our table ipc has System V segments",
    ),
    noted(
        "uptime",
        "SELECT NULL AS days, NULL AS hours, NULL AS minutes, NULL AS seconds, NULL AS total_seconds WHERE 0",
        OF_HOST,
    ),
];
