//! The ports that a container is known to listen on: what the engine published, what Kubernetes recorded, and what the
//! environment and the arguments of the container name. A process that is not of the container's command declares nothing by
//! its own arguments: whoever starts it chooses them. A port that is published for TCP says nothing about UDP.

use std::collections::BTreeSet;

use bstr::ByteSlice;
use serde_json::Value;

use super::super::facts::{Facts, ProcessFacts};

/// Most ports of one range.
const RANGE_MOST: u32 = 1024;

/// The declared ports.
#[derive(Debug, Default)]
pub(super) struct DeclaredPorts {
    /// Ports that the engine published or Kubernetes recorded, each with whether it is one of UDP.
    published: BTreeSet<(bool, u32)>,
    /// Ports that the environment of the container names.
    named: BTreeSet<u32>,
    /// Arguments of the container's first program.
    arguments: Vec<String>,
    /// Whether the specification, which has them, is in the archive.
    has_arguments: bool,
}

impl DeclaredPorts {
    pub(super) fn read(facts: &Facts<'_>) -> Self {
        let mut ports = DeclaredPorts::default();
        if let Some(config) = facts.checkpoint().engine_files().document("config.dump") {
            published_by_podman(&config.value, &mut ports.published);
        }
        let annotations = facts.checkpoint().rows().container().annotations.unwrap_or_default();
        for value in annotations.iter().filter(|(key, _)| key.ends_with("io.kubernetes.container.ports")) {
            ports.published.extend(value.1.as_str().map(recorded_by_kubelet).unwrap_or_default());
        }
        // CRI-O keeps the annotations of the kubelet in one of its own.
        let inner = annotations.get("io.kubernetes.cri-o.Annotations").and_then(Value::as_str);
        let inner: Option<Value> = inner.and_then(|text| serde_json::from_str(text).ok());
        let list = inner.as_ref().and_then(|inner| inner.get("io.kubernetes.container.ports")).and_then(Value::as_str);
        ports.published.extend(list.map(recorded_by_kubelet).unwrap_or_default());
        if let Some(spec) = &facts.spec().spec {
            let pairs = spec.env.iter().flatten().filter_map(|pair| pair.split_once('='));
            ports.named.extend(pairs.filter_map(|(key, value)| port_of_variable(key, value)));
            ports.arguments = spec.args.clone().unwrap_or_default();
            ports.has_arguments = !ports.arguments.is_empty();
        }
        ports
    }

    /// Whether the archive says at all which ports are published.
    pub(super) fn is_known(&self) -> bool {
        !self.published.is_empty()
    }

    /// Whether a port is declared: published, named by the environment or by the arguments of the container, or usual for
    /// the program. The arguments of the process count if it is of the container's command.
    pub(super) fn has(&self, facts: &Facts<'_>, process: &ProcessFacts<'_>, is_udp: bool, port: u32) -> bool {
        self.has_without_own(facts, process, is_udp, port)
            || is_of_command(facts, process) && named_by(process, port)
            || is_usual(process.program.base(), is_udp, port)
    }

    /// The same without what the process says of itself. What the environment and the command name has no protocol: it is
    /// that of TCP, unless the container's command itself takes packets.
    pub(super) fn has_without_own(
        &self,
        facts: &Facts<'_>,
        process: &ProcessFacts<'_>,
        is_udp: bool,
        port: u32,
    ) -> bool {
        let is_named = || {
            self.named.contains(&port)
                || self.arguments.iter().any(|argument| mentions(argument.as_bytes(), port))
                || !self.has_arguments && facts.init().is_some_and(|init| named_by(init, port))
        };
        self.published.contains(&(is_udp, port)) || (!is_udp || is_of_command(facts, process)) && is_named()
    }
}

/// Whether a process is the first one, a part of the start script, or runs the program of the first one.
fn is_of_command(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> bool {
    let Some(init) = facts.init() else { return false };
    // An interpreter runs more than one program.
    let is_worker = || {
        process.program.path.is_some()
            && process.program.path == init.program.path
            && !(process.is_interpreter() || process.is_shell())
    };
    init.pid() == process.pid() || is_worker() || facts.is_of_entry_point(process)
}

/// Whether a word names UDP.
fn names_udp(protocol: Option<&str>) -> bool {
    protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case("udp"))
}

/// Ports that Podman was asked to publish or expose, from its own records and its command line.
fn published_by_podman(config: &Value, ports: &mut BTreeSet<(bool, u32)>) {
    for key in ["newPortMappings", "portMappings"] {
        for mapping in config.get(key).and_then(Value::as_array).into_iter().flatten() {
            let number = ["container_port", "containerPort"].iter().find_map(|key| mapping.get(key)?.as_u64());
            let is_udp = names_udp(mapping.get("protocol").and_then(Value::as_str));
            ports.extend(number.and_then(|number| Some((is_udp, u32::try_from(number).ok()?))));
        }
    }
    let exposed = config.get("exposedPorts").and_then(Value::as_object);
    ports.extend(exposed.into_iter().flatten().flat_map(|(key, _)| range(key)));
    let command = config.get("CreateCommand").and_then(Value::as_array);
    let mut words = command.into_iter().flatten().filter_map(Value::as_str);
    while let Some(word) = words.next() {
        let value = match word {
            "-p" | "--publish" | "--expose" => words.next(),
            _ => ["--publish=", "--expose=", "-p="].iter().find_map(|start| word.strip_prefix(start)),
        };
        ports.extend(value.map(range).unwrap_or_default());
    }
}

/// The ports in the container of `8080`, `80:8080`, `127.0.0.1:80:8080/tcp` or `8000-8010/udp`, with whether they are of UDP.
fn range(text: &str) -> Vec<(bool, u32)> {
    let mut parts = text.split('/');
    let last = parts.next().unwrap_or(text).rsplit(':').next().unwrap_or_default();
    let is_udp = names_udp(parts.next());
    let (from, to) = last.split_once('-').unwrap_or((last, last));
    match (from.parse::<u32>(), to.parse::<u32>()) {
        (Ok(from), Ok(to)) if from <= to && to.saturating_sub(from) <= RANGE_MOST => {
            (from..=to).map(|port| (is_udp, port)).collect()
        }
        _ => Vec::new(),
    }
}

/// The ports of the kubelet's annotation: `[{"containerPort":8080,"protocol":"TCP"}]`.
fn recorded_by_kubelet(text: &str) -> Vec<(bool, u32)> {
    let list: Value = serde_json::from_str(text).unwrap_or_default();
    let port = |entry: &Value| {
        let is_udp = names_udp(entry.get("protocol").and_then(Value::as_str));
        Some((is_udp, u32::try_from(entry.get("containerPort")?.as_u64()?).ok()?))
    };
    list.as_array().into_iter().flatten().filter_map(port).collect()
}

/// The port that a variable of the environment names. Variables for services of the cluster name ports of others.
fn port_of_variable(key: &str, value: &str) -> Option<u32> {
    let key = key.to_ascii_uppercase();
    let of_others = key.contains("_SERVICE_PORT") || key.contains("_PORT_") || value.starts_with("tcp://");
    let is_about_ports = ["PORT", "BIND", "LISTEN", "ADDR"].iter().any(|word| key.contains(word));
    let last = value.rsplit(':').next().unwrap_or(value);
    (is_about_ports && !of_others).then(|| last.parse().ok()).flatten()
}

/// Whether the arguments of a process name a port.
fn named_by(process: &ProcessFacts<'_>, port: u32) -> bool {
    process.argv().iter().any(|argument| mentions(argument, port))
}

/// Whether text has a number that is a port, and not part of a longer one.
fn mentions(text: &[u8], port: u32) -> bool {
    let number = port.to_string();
    text.find_iter(&number).any(|at| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        let after = text.get(at.saturating_add(number.len()));
        let joins = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.');
        !joins(before) && !after.is_some_and(u8::is_ascii_digit)
    })
}

/// Whether a well-known program listens on a port unless it is told otherwise. Few of them take packets.
fn is_usual(name: &[u8], is_udp: bool, port: u32) -> bool {
    const OF_UDP: [u32; 8] = [53, 67, 443, 8301, 8302, 8600, 6831, 514];
    usual(name).contains(&port) && (!is_udp || OF_UDP.contains(&port))
}

/// The ports that a well-known program listens on unless it is told otherwise.
fn usual(name: &[u8]) -> &'static [u32] {
    const PROGRAMS: [(&str, &[u32]); 34] = [
        ("nginx", &[80, 443, 8080]),
        ("apache2", &[80, 443, 8080]),
        ("httpd", &[80, 443, 8080]),
        ("caddy", &[80, 443, 2019]),
        ("lighttpd", &[80, 443]),
        ("traefik", &[80, 443, 8080]),
        ("envoy", &[9901, 10000]),
        ("haproxy", &[80, 443]),
        ("sshd", &[22]),
        ("dropbear", &[22]),
        ("postgres", &[5432]),
        ("mysqld", &[3306, 33060]),
        ("mariadbd", &[3306]),
        ("redis-server", &[6379, 16379]),
        ("valkey-server", &[6379, 16379]),
        ("memcached", &[11211]),
        ("mongod", &[27017]),
        ("beam.smp", &[5672, 15672, 25672, 1883, 8883]),
        ("epmd", &[4369]),
        ("named", &[53, 953]),
        ("unbound", &[53, 8953]),
        ("dnsmasq", &[53, 67]),
        ("coredns", &[53, 8080, 8181, 9153]),
        ("dockerd", &[2375, 2376]),
        ("etcd", &[2379, 2380]),
        ("consul", &[8300, 8301, 8302, 8500, 8600]),
        ("vault", &[8200, 8201]),
        ("prometheus", &[9090]),
        ("node_exporter", &[9100]),
        ("grafana", &[3000]),
        ("master", &[25, 465, 587]),
        ("dovecot", &[110, 143, 993, 995, 4190]),
        ("exim4", &[25, 465, 587]),
        ("php-fpm", &[9000]),
    ];
    let find = |known: &&(&str, &[u32])| super::super::vocabulary::has_name(name, known.0);
    PROGRAMS.iter().find(find).map_or(&[], |(_, ports)| ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_command_lines_are_those_in_the_container() {
        for (text, ports) in [
            ("8080", vec![(false, 8080)]),
            ("80:8081", vec![(false, 8081)]),
            ("127.0.0.1:80:82/udp", vec![(true, 82)]),
            ("90-92", vec![(false, 90), (false, 91), (false, 92)]),
        ] {
            assert_eq!(range(text), ports, "{text}");
        }
        assert!(range("x").is_empty() && range("9-1").is_empty() && range("1-60000").is_empty());
    }

    #[test]
    fn variables_and_arguments_name_ports() {
        assert_eq!(port_of_variable("PORT", "3000"), Some(3000));
        assert_eq!(port_of_variable("BIND", "0.0.0.0:8080"), Some(8080));
        assert_eq!(port_of_variable("KUBERNETES_SERVICE_PORT", "443"), None);
        assert_eq!(port_of_variable("REDIS_PORT_6379_TCP_PORT", "6379"), None);
        assert_eq!(port_of_variable("COUNT", "3000"), None);
        assert!(mentions(b"--bind=0.0.0.0:8000", 8000) && mentions(b"8000", 8000) && mentions(b"--port 8000,", 8000));
        assert!(!mentions(b"18000", 8000) && !mentions(b"80001", 8000) && !mentions(b"1.8000", 8000));
    }

    #[test]
    fn podman_tells_what_it_published() {
        let config = serde_json::json!({
            "CreateCommand": ["podman", "run", "-p", "8080:80", "--expose=9000", "nginx"],
            "newPortMappings": [{"container_port": 443}],
            "exposedPorts": {"81/tcp": {}, "82/udp": {}},
        });
        let mut ports = BTreeSet::new();
        published_by_podman(&config, &mut ports);
        assert_eq!(
            ports.into_iter().collect::<Vec<_>>(),
            [(false, 80), (false, 81), (false, 443), (false, 9000), (true, 82)]
        );
        assert_eq!(recorded_by_kubelet(r#"[{"containerPort":8080,"protocol":"TCP"}]"#), [(false, 8080)]);
        assert!(is_usual(b"redis-server", false, 6379) && !is_usual(b"redis-server", true, 6379));
        assert!(is_usual(b"dnsmasq", true, 53));
        assert!(recorded_by_kubelet("nonsense").is_empty());
    }
}
