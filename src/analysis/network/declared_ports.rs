//! The ports that a container is known to listen on: what the engine published, what Kubernetes recorded, and what the
//! environment and the arguments name.

use std::collections::BTreeSet;

use bstr::ByteSlice;
use serde_json::Value;

use super::super::facts::{Facts, ProcessFacts};

/// Most ports of one range.
const RANGE_MOST: u32 = 1024;

/// The declared ports.
#[derive(Debug, Default)]
pub(super) struct DeclaredPorts {
    /// Ports that the engine published or Kubernetes recorded.
    published: BTreeSet<u32>,
    /// Ports that the environment of the container names.
    named: BTreeSet<u32>,
    /// Arguments of the container's first program.
    arguments: Vec<String>,
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
        }
        ports
    }

    /// Whether the archive says at all which ports are published.
    pub(super) fn is_known(&self) -> bool {
        !self.published.is_empty()
    }

    /// Whether a port is declared: published, or named by the environment or by the arguments of the container, of the
    /// process or of one that started it.
    pub(super) fn has(&self, facts: &Facts<'_>, process: &ProcessFacts<'_>, port: u32) -> bool {
        self.has_without_own(facts, port) || named_by(process, port) || usual(process.program.base()).contains(&port)
    }

    /// The same without what the process says of itself.
    pub(super) fn has_without_own(&self, facts: &Facts<'_>, port: u32) -> bool {
        self.published.contains(&port)
            || self.named.contains(&port)
            || self.arguments.iter().any(|argument| mentions(argument.as_bytes(), port))
            || facts.init().is_some_and(|init| named_by(init, port))
    }
}

/// Ports that Podman was asked to publish or expose, from its own records and its command line.
fn published_by_podman(config: &Value, ports: &mut BTreeSet<u32>) {
    for key in ["newPortMappings", "portMappings"] {
        for mapping in config.get(key).and_then(Value::as_array).into_iter().flatten() {
            let number = ["container_port", "containerPort"].iter().find_map(|key| mapping.get(key)?.as_u64());
            ports.extend(number.and_then(|number| u32::try_from(number).ok()));
        }
    }
    let exposed = config.get("exposedPorts").and_then(Value::as_object);
    ports.extend(exposed.into_iter().flatten().filter_map(|(key, _)| key.split('/').next()?.parse::<u32>().ok()));
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

/// The ports in the container of `8080`, `80:8080`, `127.0.0.1:80:8080/tcp` or `8000-8010`.
fn range(text: &str) -> Vec<u32> {
    let last = text.split('/').next().unwrap_or(text).rsplit(':').next().unwrap_or_default();
    let (from, to) = last.split_once('-').unwrap_or((last, last));
    match (from.parse::<u32>(), to.parse::<u32>()) {
        (Ok(from), Ok(to)) if from <= to && to.saturating_sub(from) <= RANGE_MOST => (from..=to).collect(),
        _ => Vec::new(),
    }
}

/// The ports of the kubelet's annotation: `[{"containerPort":8080,"protocol":"TCP"}]`.
fn recorded_by_kubelet(text: &str) -> Vec<u32> {
    let list: Value = serde_json::from_str(text).unwrap_or_default();
    let port = |entry: &Value| u32::try_from(entry.get("containerPort")?.as_u64()?).ok();
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
            ("8080", vec![8080]),
            ("80:8081", vec![8081]),
            ("127.0.0.1:80:82/udp", vec![82]),
            ("90-92", vec![90, 91, 92]),
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
            "exposedPorts": {"81/tcp": {}},
        });
        let mut ports = BTreeSet::new();
        published_by_podman(&config, &mut ports);
        assert_eq!(ports.into_iter().collect::<Vec<_>>(), [80, 81, 443, 9000]);
        assert_eq!(recorded_by_kubelet(r#"[{"containerPort":8080,"protocol":"TCP"}]"#), [8080]);
        assert!(recorded_by_kubelet("nonsense").is_empty());
    }
}
