//! Lists of what is too general to be an indicator: MISP's warninglists, and a few of our own.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use aho_corasick::AhoCorasick;
use regex_automata::meta::{Config, Regex};
use serde::Deserialize;

use super::value::{Kind, host, is_below, masked, network, plain};

/// What of an indicator a list silences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::analysis) enum Scope {
    /// Every match.
    All,
    /// Matches in memory, logs and files only: examples stand in manuals and in sample files, but nobody connects to them.
    Text,
}

/// A list as a file has it.
#[derive(Debug, Deserialize)]
struct File {
    name: String,
    #[serde(default)]
    r#type: Option<String>,
    list: Vec<String>,
    #[serde(default)]
    matching_attributes: Vec<String>,
}

/// One list.
#[derive(Debug)]
struct List {
    name: String,
    scope: Scope,
    entries: Entries,
    /// Kinds that it is for; all, if there are none.
    kinds: Vec<Kind>,
}

#[derive(Debug)]
enum Entries {
    Strings(HashSet<String>),
    Substrings(AhoCorasick),
    Hostnames(HashSet<String>),
    Networks(HashMap<(bool, u8), HashSet<u128>>),
    Regexes(Regex),
    /// What has fewer characters.
    ShorterThan(usize),
}

/// All lists.
#[derive(Debug, Default)]
pub(in crate::analysis) struct Silencer {
    lists: Vec<List>,
}

/// Bytes that the expressions of a list may compile to.
const EXPRESSIONS: usize = 32 << 20;

impl Silencer {
    /// The lists that are shipped.
    pub(in crate::analysis) fn shipped() -> Self {
        let networks = |name: &str, scope, list: &[&str]| List {
            name: name.to_owned(),
            scope,
            entries: Entries::Networks(networks(list.iter().copied())),
            kinds: Vec::new(),
        };
        let strings = |name: &str, scope, list: &[&str]| List {
            name: name.to_owned(),
            scope,
            entries: Entries::Strings(list.iter().map(|&text| text.to_owned()).collect()),
            kinds: Vec::new(),
        };
        let hosts = |name: &str, scope, list: &[&str]| List {
            name: name.to_owned(),
            scope,
            entries: Entries::Hostnames(list.iter().map(|&text| text.to_owned()).collect()),
            kinds: Vec::new(),
        };
        Silencer {
            lists: vec![
                networks("private and reserved networks", Scope::All, &PRIVATE),
                networks("public resolvers of DNS", Scope::All, &RESOLVERS),
                networks("networks for documentation", Scope::Text, &DOCUMENTATION),
                hosts("domains for documentation", Scope::Text, &EXAMPLES),
                hosts("names of private networks", Scope::All, &LOCAL),
                strings("the most used domains", Scope::All, &TOP),
                strings("hashes of empty files", Scope::All, &EMPTY),
                strings("names and paths of every system", Scope::All, &USUAL),
                strings("domains under which anybody has a name", Scope::All, &SUFFIXES),
                List {
                    name: "names of fewer than five characters".to_owned(),
                    scope: Scope::All,
                    entries: Entries::ShorterThan(5),
                    kinds: vec![Kind::Name, Kind::Process],
                },
                List {
                    name: "networks that are too large".to_owned(),
                    scope: Scope::All,
                    entries: Entries::Networks(HashMap::new()),
                    kinds: vec![Kind::Network],
                },
            ],
        }
    }

    /// Adds a list in MISP's format. Says what is wrong with it.
    pub(super) fn add(&mut self, json: &str) -> Result<String, String> {
        let file: File = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let kind = file.r#type.as_deref().unwrap_or("string").to_owned();
        let lower = || file.list.iter().map(|text| text.trim().to_ascii_lowercase()).filter(|text| !text.is_empty());
        let entries = match kind.as_str() {
            "string" => Entries::Strings(lower().collect()),
            "hostname" => Entries::Hostnames(lower().map(|text| text.trim_start_matches('.').to_owned()).collect()),
            "substring" => {
                let all: Vec<String> = lower().collect();
                Entries::Substrings(AhoCorasick::new(&all).map_err(|error| error.to_string())?)
            }
            "cidr" => Entries::Networks(networks(file.list.iter().map(String::as_str))),
            "regex" => {
                let sources: Vec<String> = file.list.iter().map(|source| of_delimiters(source)).collect();
                let config = Config::new().nfa_size_limit(Some(EXPRESSIONS));
                let regex = Regex::builder().configure(config).build_many(&sources);
                Entries::Regexes(regex.map_err(
                    |error| match error.pattern().and_then(|at| sources.get(at.as_usize())) {
                        Some(source) => format!("cannot compile {source:?}"),
                        None => "its expressions are too large".to_owned(),
                    },
                )?)
            }
            other => {
                return Err(format!(
                    "lists of the type {other:?} are not known; there are string, substring, hostname, cidr and regex"
                ));
            }
        };
        let mut kinds: Vec<Kind> =
            file.matching_attributes.iter().flat_map(|name| kinds_of(name).iter().copied()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        if kinds.is_empty() && !file.matching_attributes.is_empty() {
            return Err("it is for none of the kinds that are compared".to_owned());
        }
        self.lists.push(List { name: file.name.clone(), scope: Scope::All, entries, kinds });
        Ok(file.name)
    }

    /// The names of all lists, with their scopes.
    pub(super) fn names(&self) -> Vec<(String, Scope)> {
        self.lists.iter().map(|list| (list.name.clone(), list.scope)).collect()
    }

    /// The list that silences a value. One that silences all goes before one that silences only text.
    pub(super) fn silences(&self, kind: Kind, text: &str) -> Option<usize> {
        let of = |scope| {
            let mut lists = self.lists.iter().enumerate().filter(move |(_, list)| list.scope == scope);
            lists.find(|(_, list)| list.has(kind, text)).map(|(place, _)| place)
        };
        of(Scope::All).or_else(|| of(Scope::Text))
    }

    /// The name of the list that silences a value.
    pub(in crate::analysis) fn name_of(&self, kind: Kind, text: &str) -> Option<&str> {
        self.lists
            .get(self.silences(kind, text)?)
            .filter(|list| list.scope == Scope::All)
            .map(|list| list.name.as_str())
    }
}

impl List {
    fn has(&self, kind: Kind, text: &str) -> bool {
        if !self.kinds.is_empty() && !self.kinds.contains(&kind) {
            return false;
        }
        match &self.entries {
            Entries::Strings(all) => {
                all.contains(text)
                    || !matches!(kind, Kind::Path | Kind::Name) && all.contains(&text.to_ascii_lowercase())
            }
            Entries::Substrings(all) => all.is_match(&text.to_ascii_lowercase()),
            Entries::Regexes(regex) => regex.is_match(text),
            Entries::ShorterThan(count) => text.chars().count() < *count,
            Entries::Hostnames(all) => {
                let host = match kind {
                    Kind::Url => host(text),
                    Kind::Domain => text,
                    _ => return false,
                };
                let mut rest = host;
                loop {
                    if all.contains(rest) {
                        return is_below(host.as_bytes(), rest.as_bytes());
                    }
                    match rest.split_once('.') {
                        Some((_, parent)) => rest = parent,
                        None => return false,
                    }
                }
            }
            Entries::Networks(all) => {
                let (address, most) = match kind {
                    Kind::Address => (text.parse().ok(), u8::MAX),
                    Kind::Network => network(text).map_or((None, 0), |(address, prefix)| (Some(address), prefix)),
                    Kind::Url => (host(text).parse().ok(), u8::MAX),
                    _ => return false,
                };
                let Some(address): Option<IpAddr> = address.map(plain) else { return false };
                // A network with much of an address family in it says nothing. That list has no networks of its own.
                if all.is_empty() && kind == Kind::Network {
                    return most < if address.is_ipv4() { 16 } else { 32 };
                }
                all.iter().any(|((is_v6, prefix), networks)| {
                    *is_v6 == address.is_ipv6() && *prefix <= most && networks.contains(&masked(address, *prefix))
                })
            }
        }
    }
}

/// The kinds that a type of MISP's attributes stands for.
fn kinds_of(name: &str) -> &'static [Kind] {
    match name {
        "ip-src" | "ip-dst" | "ip-src|port" | "ip-dst|port" => &[Kind::Address, Kind::Network],
        "domain" | "hostname" | "hostname|port" => &[Kind::Domain],
        "domain|ip" => &[Kind::Domain, Kind::Address],
        "url" | "uri" | "link" => &[Kind::Url],
        "md5" | "filename|md5" => &[Kind::Md5],
        "sha1" | "filename|sha1" => &[Kind::Sha1],
        "sha256" | "filename|sha256" => &[Kind::Sha256],
        "filename" => &[Kind::Name, Kind::Path],
        _ => &[],
    }
}

/// An expression without the slashes around it that PHP wants.
fn of_delimiters(source: &str) -> String {
    let Some(rest) = source.strip_prefix('/') else { return source.to_owned() };
    match rest.rsplit_once('/') {
        Some((body, flags)) if flags.chars().all(|flag| flag.is_ascii_lowercase()) => {
            let known: String = flags.chars().filter(|flag| "imsx".contains(*flag)).collect();
            if known.is_empty() { body.to_owned() } else { format!("(?{known}){body}") }
        }
        _ => source.to_owned(),
    }
}

fn networks<'t>(list: impl Iterator<Item = &'t str>) -> HashMap<(bool, u8), HashSet<u128>> {
    let mut all: HashMap<(bool, u8), HashSet<u128>> = HashMap::new();
    for text in list {
        let text = text.trim();
        let address = || text.parse::<IpAddr>().ok().map(|address| (address, if address.is_ipv4() { 32 } else { 128 }));
        let Some((address, prefix)) = network(text).or_else(address) else { continue };
        all.entry((address.is_ipv6(), prefix)).or_default().insert(masked(address, prefix));
    }
    all
}

/// RFC 6890 and the registries of special addresses that it names, without what is for documentation.
const PRIVATE: [&str; 22] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:2::/48",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

/// RFC 5737 and RFC 3849.
const DOCUMENTATION: [&str; 5] = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"];

/// RFC 2606.
const EXAMPLES: [&str; 7] = ["example.com", "example.net", "example.org", "example", "test", "invalid", "localhost"];

/// Names that only a network of one's own resolves: RFC 6762 and 8375, what ICANN keeps for it, and what clusters and routers
/// give.
const LOCAL: [&str; 9] = ["local", "home.arpa", "internal", "lan", "localdomain", "svc", "intranet", "corp", "consul"];

/// Resolvers that everyone may ask, as their operators publish them.
const RESOLVERS: [&str; 24] = [
    "1.0.0.1",
    "1.1.1.1",
    "4.2.2.1",
    "4.2.2.2",
    "8.8.4.4",
    "8.8.8.8",
    "9.9.9.9",
    "9.9.9.10",
    "76.76.2.0",
    "94.140.14.14",
    "94.140.15.15",
    "114.114.114.114",
    "149.112.112.112",
    "185.228.168.9",
    "208.67.220.220",
    "208.67.222.222",
    "223.5.5.5",
    "223.6.6.6",
    "2001:4860:4860::8844",
    "2001:4860:4860::8888",
    "2606:4700:4700::1001",
    "2606:4700:4700::1111",
    "2620:fe::9",
    "2620:fe::fe",
];

/// Domains that everything refers to, or whose contents are anybody's. Only they themselves: what is below may be one
/// attacker's, and so may be a URL.
const TOP: [&str; 87] = [
    "amazon.com",
    "amazonaws.com",
    "apache.org",
    "api.github.com",
    "api.telegram.org",
    "apple.com",
    "archive.ubuntu.com",
    "auth.docker.io",
    "azure.com",
    "bing.com",
    "cloudflare.com",
    "codeload.github.com",
    "crates.io",
    "cve.mitre.org",
    "deb.debian.org",
    "debian.org",
    "discord.com",
    "dl-cdn.alpinelinux.org",
    "dl.fedoraproject.org",
    "dl.google.com",
    "docker.com",
    "docker.io",
    "facebook.com",
    "fedoraproject.org",
    "files.pythonhosted.org",
    "freedesktop.org",
    "gcr.io",
    "ghcr.io",
    "gist.github.com",
    "gist.githubusercontent.com",
    "github.com",
    "gitlab.com",
    "gnu.org",
    "golang.org",
    "google.com",
    "googleapis.com",
    "hub.docker.com",
    "ietf.org",
    "index.crates.io",
    "index.docker.io",
    "k8s.gcr.io",
    "kernel.org",
    "kubernetes.io",
    "letsencrypt.org",
    "linkedin.com",
    "mcr.microsoft.com",
    "microsoft.com",
    "mirror.centos.org",
    "mirrors.fedoraproject.org",
    "mirrors.kernel.org",
    "mozilla.org",
    "nginx.org",
    "npmjs.org",
    "objects.githubusercontent.com",
    "openssl.org",
    "pastebin.com",
    "php.net",
    "ports.ubuntu.com",
    "production.cloudflare.docker.com",
    "proxy.golang.org",
    "public.ecr.aws",
    "pypi.org",
    "python.org",
    "quay.io",
    "raw.githubusercontent.com",
    "registry-1.docker.io",
    "registry.k8s.io",
    "registry.npmjs.org",
    "repo.maven.apache.org",
    "repo1.maven.org",
    "ruby-lang.org",
    "rubygems.org",
    "s3.amazonaws.com",
    "security.debian.org",
    "security.ubuntu.com",
    "stackoverflow.com",
    "static.crates.io",
    "storage.googleapis.com",
    "sum.golang.org",
    "twitter.com",
    "ubuntu.com",
    "w3.org",
    "wikipedia.org",
    "www.gnu.org",
    "www.google.com",
    "www.w3.org",
    "youtube.com",
];

/// Domains that are no owner's: what is below belongs to many. The list of all is long, and changes; these are the most used.
const SUFFIXES: [&str; 50] = [
    "appspot.com",
    "azureedge.net",
    "azurewebsites.net",
    "blogspot.com",
    "cloudapp.net",
    "cloudfront.net",
    "co.il",
    "co.in",
    "co.jp",
    "co.kr",
    "co.nz",
    "co.th",
    "co.uk",
    "co.za",
    "com.ar",
    "com.au",
    "com.br",
    "com.cn",
    "com.co",
    "com.hk",
    "com.mx",
    "com.my",
    "com.pl",
    "com.sg",
    "com.tr",
    "com.tw",
    "com.ua",
    "com.vn",
    "ddns.net",
    "duckdns.org",
    "firebaseapp.com",
    "fly.dev",
    "github.io",
    "gitlab.io",
    "gov.uk",
    "herokuapp.com",
    "hopto.org",
    "netlify.app",
    "ngrok-free.app",
    "ngrok.io",
    "no-ip.org",
    "onrender.com",
    "org.uk",
    "pages.dev",
    "run.app",
    "trycloudflare.com",
    "vercel.app",
    "web.app",
    "workers.dev",
    "ac.uk",
];

/// The hashes of nothing, and of one line feed.
const EMPTY: [&str; 6] = [
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "68b329da9893e34099c7d8ad5cb9c940",
    "adc83b19e793491b1c6ea0fd8b46cd9f32e592fc",
    "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b",
];

/// Programs and files that every container has.
const USUAL: [&str; 40] = [
    "/bin/bash",
    "/bin/sh",
    "/dev/null",
    "/dev/shm",
    "/etc/hosts",
    "/etc/passwd",
    "/etc/resolv.conf",
    "/etc/shadow",
    "/proc",
    "/tmp",
    "/usr/bin/bash",
    "/usr/bin/env",
    "/usr/bin/perl",
    "/usr/bin/python",
    "/usr/bin/python3",
    "/usr/bin/sh",
    "/var/tmp",
    "ash",
    "awk",
    "bash",
    "busybox",
    "cat",
    "chmod",
    "cron",
    "crond",
    "curl",
    "dash",
    "java",
    "ls",
    "nginx",
    "node",
    "perl",
    "php",
    "ps",
    "python",
    "python3",
    "sh",
    "sleep",
    "sshd",
    "wget",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_keeps_quiet_what_is_too_general() {
        let lists = Silencer::shipped();
        for (kind, text, name) in [
            (Kind::Address, "10.1.2.3", "private and reserved networks"),
            (Kind::Address, "fd00::1", "private and reserved networks"),
            (Kind::Network, "10.1.0.0/16", "private and reserved networks"),
            (Kind::Network, "128.0.0.0/1", "networks that are too large"),
            (Kind::Network, "2a00::/12", "networks that are too large"),
            (Kind::Name, "run", "names of fewer than five characters"),
            (Kind::Process, "x\u{fc}x", "names of fewer than five characters"),
            (Kind::Domain, "co.uk", "domains under which anybody has a name"),
            (Kind::Domain, "github.io", "domains under which anybody has a name"),
            (Kind::Address, "8.8.8.8", "public resolvers of DNS"),
            (Kind::Url, "http://192.168.0.1/x", "private and reserved networks"),
            (Kind::Domain, "google.com", "the most used domains"),
            (Kind::Domain, "api.github.com", "the most used domains"),
            (Kind::Domain, "payments.prod.svc.cluster.local", "names of private networks"),
            (Kind::Url, "http://db.internal:5432/x", "names of private networks"),
            (Kind::Md5, "d41d8cd98f00b204e9800998ecf8427e", "hashes of empty files"),
            (Kind::Path, "/bin/sh", "names and paths of every system"),
        ] {
            assert_eq!(lists.name_of(kind, text), Some(name), "{text}");
        }
        for (kind, text) in [
            (Kind::Address, "93.184.216.34"),
            (Kind::Network, "93.184.216.0/24"),
            (Kind::Domain, "evil.google.com"),
            (Kind::Domain, "evil.co.uk"),
            (Kind::Name, "xmrig"),
            (Kind::Text, "run"),
            (Kind::Url, "https://api.github.com/repos/evil"),
            (Kind::Domain, "notlocal"),
            (Kind::Domain, "notgoogle.com"),
            (Kind::Path, "/tmp/.x"),
        ] {
            assert_eq!(lists.silences(kind, text), None, "{text}");
        }
        for (kind, text) in [(Kind::Address, "203.0.113.7"), (Kind::Domain, "pool.x.example")] {
            let place = lists.silences(kind, text).unwrap();
            assert_eq!(lists.lists[place].scope, Scope::Text, "{text}");
            assert_eq!(lists.name_of(kind, text), None);
        }
    }

    #[test]
    fn lists_of_misp_have_five_types() {
        let mut lists = Silencer::default();
        for json in [
            r#"{"name":"s","type":"string","list":["Evil.com"],"matching_attributes":["domain"]}"#,
            r#"{"name":"h","type":"hostname","list":[".cdn.net"]}"#,
            r#"{"name":"b","type":"substring","list":["sinkhole"]}"#,
            r#"{"name":"c","type":"cidr","list":["1.2.0.0/16","5.6.7.8"]}"#,
            r#"{"name":"r","type":"regex","list":["/^ab+C/i"]}"#,
        ] {
            lists.add(json).unwrap();
        }
        let name = |kind, text| lists.name_of(kind, text);
        assert_eq!(name(Kind::Domain, "evil.com"), Some("s"));
        assert_eq!(name(Kind::Domain, "a.cdn.net"), Some("h"));
        assert_eq!(name(Kind::Url, "http://a.cdn.net:80/x"), Some("h"));
        assert_eq!(name(Kind::Domain, "notcdn.net"), None);
        assert_eq!(name(Kind::Domain, "my-sinkhole.org"), Some("b"));
        assert_eq!(name(Kind::Address, "1.2.3.4"), Some("c"));
        assert_eq!(name(Kind::Address, "5.6.7.8"), Some("c"));
        assert_eq!(name(Kind::Address, "5.6.7.9"), None);
        assert_eq!(name(Kind::Name, "ABBc"), Some("r"));
        for (json, why) in [
            ("{", "EOF"),
            (r#"{"name":"x","type":"nope","list":[]}"#, "not known"),
            (r#"{"name":"x","type":"regex","list":["("]}"#, "cannot compile"),
            (r#"{"name":"x","list":["a"],"matching_attributes":["vulnerability"]}"#, "none of the kinds"),
        ] {
            let error = lists.add(json).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
