//! Kinds of indicators, and the form in which values of a kind are compared.

use std::net::IpAddr;

use super::{punycode, similar};

/// What an indicator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// MD5 of a file.
    Md5,
    /// SHA-1 of a file.
    Sha1,
    /// SHA-256 of a file.
    Sha256,
    /// TLSH of a file: near ones count.
    Tlsh,
    /// An address, IPv4 or IPv6.
    Address,
    /// A network: an address and the length of its prefix.
    Network,
    /// A domain; its sub-domains count.
    Domain,
    /// A URL; the scheme does not count.
    Url,
    /// A path of a file.
    Path,
    /// A directory; everything below it counts.
    Directory,
    /// A name of a file or of a process.
    Name,
    /// A name of a process.
    Process,
    /// A command line.
    Command,
    /// A name of a unix socket. On Linux it takes the place of a mutex.
    Socket,
    /// A port, alone.
    Port,
    /// The fingerprint of an SSH key: `SHA256:…`.
    SshKey,
    /// Any other text: a wallet, a user agent, an e-mail address.
    Text,
}

impl Kind {
    /// All, in the order in which they are documented.
    pub const ALL: [Kind; 17] = [
        Kind::Md5,
        Kind::Sha1,
        Kind::Sha256,
        Kind::Tlsh,
        Kind::Address,
        Kind::Network,
        Kind::Domain,
        Kind::Url,
        Kind::Path,
        Kind::Directory,
        Kind::Name,
        Kind::Process,
        Kind::Command,
        Kind::Socket,
        Kind::Port,
        Kind::SshKey,
        Kind::Text,
    ];

    /// `md5`, `sha1`, `sha256`, `tlsh`, `address`, `network`, `domain`, `url`, `path`, `directory`, `name`, `process`, `command`,
    /// `socket`, `port`, `ssh_key` or `text`.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Md5 => "md5",
            Kind::Sha1 => "sha1",
            Kind::Sha256 => "sha256",
            Kind::Tlsh => "tlsh",
            Kind::Address => "address",
            Kind::Network => "network",
            Kind::Domain => "domain",
            Kind::Url => "url",
            Kind::Path => "path",
            Kind::Directory => "directory",
            Kind::Name => "name",
            Kind::Process => "process",
            Kind::Command => "command",
            Kind::Socket => "socket",
            Kind::Port => "port",
            Kind::SshKey => "ssh_key",
            Kind::Text => "text",
        }
    }

    /// The kind with a name, as [`Kind::as_str`] gives it.
    pub fn find(name: &str) -> Option<Self> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether it is a hash of a file.
    pub fn is_hash(self) -> bool {
        matches!(self, Kind::Md5 | Kind::Sha1 | Kind::Sha256 | Kind::Tlsh)
    }

    /// Whether letters of its values match in either case.
    pub(super) fn is_any_case(self) -> bool {
        self.is_hash() || matches!(self, Kind::Domain | Kind::Address)
    }

    /// How well a value tells one thing from all others, to choose by which of several values a row is looked up.
    pub(super) fn rank(self) -> u8 {
        match self {
            Kind::Sha256 => 0,
            Kind::Sha1 => 1,
            Kind::Md5 => 2,
            Kind::SshKey | Kind::Tlsh => 3,
            Kind::Url => 4,
            Kind::Domain => 5,
            Kind::Address => 6,
            Kind::Command => 7,
            Kind::Path => 8,
            Kind::Socket => 9,
            Kind::Text => 10,
            Kind::Name | Kind::Process => 11,
            Kind::Directory => 12,
            Kind::Network => 13,
            Kind::Port => 14,
        }
    }
}

/// A value in the form in which it is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::analysis) struct Value {
    pub(in crate::analysis) kind: Kind,
    /// The text that is shown.
    pub(in crate::analysis) text: String,
    /// The port that belongs to it.
    pub(in crate::analysis) port: Option<u16>,
}

impl Value {
    /// Brings a value into its form. Says why if it is none of its kind.
    pub(in crate::analysis) fn new(kind: Kind, text: &str) -> Result<Self, &'static str> {
        // Blanks at the end of a name may be what hides it.
        let is_name =
            matches!(kind, Kind::Path | Kind::Directory | Kind::Name | Kind::Process | Kind::Command | Kind::Socket);
        let text = if is_name { text } else { text.trim() };
        if text.trim().is_empty() {
            return Err("it is empty");
        }
        if text.len() > LONGEST {
            return Err("it is longer than 4096 bytes");
        }
        if text.contains('\0') {
            return Err("it has a NUL");
        }
        let as_it_is = |kind| Ok(Value { kind, text: text.to_owned(), port: None });
        match kind {
            Kind::Md5 => hash(kind, text, 32),
            Kind::Sha1 => hash(kind, text, 40),
            Kind::Sha256 => hash(kind, text, 64),
            Kind::Tlsh => {
                let text = similar::form(text).ok_or("it is no TLSH: `T1` and 70 hexadecimal digits")?;
                Ok(Value { kind, text, port: None })
            }
            Kind::Address | Kind::Network => address(text),
            Kind::Domain => domain(text),
            Kind::Url => url(text),
            Kind::Port => {
                let port = text.parse().ok().filter(|&port: &u16| port != 0).ok_or("it is no port")?;
                Ok(Value { kind, text: port.to_string(), port: Some(port) })
            }
            Kind::SshKey => {
                let body = text.strip_prefix("SHA256:").unwrap_or(text).trim_end_matches('=');
                let is_base64 = body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
                if body.len() != 43 || !is_base64 {
                    return Err("it is no SHA-256 fingerprint of an SSH key");
                }
                Ok(Value { kind, text: format!("SHA256:{body}"), port: None })
            }
            Kind::Directory => {
                let text = text.trim_end_matches('/');
                if text.is_empty() {
                    return Err("everything is below the root");
                }
                Ok(Value { kind, text: text.to_owned(), port: None })
            }
            Kind::Path | Kind::Name | Kind::Process | Kind::Command | Kind::Socket | Kind::Text => as_it_is(kind),
        }
    }

    /// Adds the port that belongs to it.
    pub(super) fn at_port(self, port: u16) -> Self {
        Value { port: Some(port), ..self }
    }

    /// The part of the text by which it is found.
    pub(super) fn key(&self) -> &str {
        if self.kind == Kind::Url { url_key(&self.text) } else { &self.text }
    }
}

/// Longest value.
const LONGEST: usize = 4096;

fn hash(kind: Kind, text: &str, digits: usize) -> Result<Value, &'static str> {
    if text.len() != digits || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("it is no such hash: the number of hexadecimal digits differs");
    }
    Ok(Value { kind, text: text.to_ascii_lowercase(), port: None })
}

/// An IPv4 address in the form of IPv6 becomes IPv4 again.
pub(in crate::analysis) fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// An address as a number, with whether it is IPv6.
pub(super) fn number(address: IpAddr) -> (bool, u128) {
    match address {
        IpAddr::V4(v4) => (false, u32::from(v4).into()),
        IpAddr::V6(v6) => (true, v6.into()),
    }
}

/// The network of an address.
pub(super) fn masked(address: IpAddr, prefix: u8) -> u128 {
    let (is_v6, number) = number(address);
    let bits: u8 = if is_v6 { 128 } else { 32 };
    let drop = u32::from(bits.saturating_sub(prefix));
    number.checked_shr(drop).and_then(|high| high.checked_shl(drop)).unwrap_or(0)
}

/// The address and the length of the prefix of a network.
pub(super) fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix: u8 = prefix.parse().ok().filter(|&prefix| prefix <= most)?;
    match (plain(address), address) {
        (plain @ IpAddr::V4(_), IpAddr::V6(_)) => Some((plain, prefix.checked_sub(96)?)),
        _ => Some((address, prefix)),
    }
}

fn address(text: &str) -> Result<Value, &'static str> {
    if let Some((address, prefix)) = network(text) {
        let (is_v6, most) = (address.is_ipv6(), if address.is_ipv4() { 32 } else { 128 });
        let start = masked(address, prefix);
        let first =
            if is_v6 { IpAddr::V6(start.into()) } else { IpAddr::V4(u32::try_from(start).unwrap_or_default().into()) };
        return Ok(if prefix == most {
            Value { kind: Kind::Address, text: address.to_string(), port: None }
        } else {
            Value { kind: Kind::Network, text: format!("{first}/{prefix}"), port: None }
        });
    }
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address: IpAddr = inner.parse().map_err(|_| "it is no address")?;
    Ok(Value { kind: Kind::Address, text: plain(address).to_string(), port: None })
}

/// Whether text is a domain in its usual form.
pub(super) fn is_domain(text: &str) -> bool {
    let labels = || text.split('.');
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
    };
    let is_top =
        |top: &str| top.len() >= 2 && (top.starts_with("xn--") || top.bytes().all(|byte| byte.is_ascii_alphabetic()));
    text.len() <= 253 && labels().count() >= 2 && labels().all(is_label) && labels().next_back().is_some_and(is_top)
}

fn domain(text: &str) -> Result<Value, &'static str> {
    let text = text.trim_start_matches("*.").trim_start_matches('.').trim_end_matches('.');
    let text = punycode::domain(text).ok_or("it is no domain")?;
    if !is_domain(&text) {
        return Err("it is no domain");
    }
    Ok(Value { kind: Kind::Domain, text, port: None })
}

fn url(text: &str) -> Result<Value, &'static str> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    if !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')) {
        return Err("it is no URL");
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).ok_or("it is no URL")?;
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if host.is_empty() || rest.bytes().any(|byte| byte.is_ascii_whitespace()) {
        return Err("it is no URL");
    }
    let host = punycode::domain(host).unwrap_or_else(|| host.to_ascii_lowercase());
    let mut whole = String::new();
    if !scheme.is_empty() {
        whole.extend([&scheme.to_ascii_lowercase(), "://"]);
    }
    if !user.is_empty() {
        whole.extend([user, "@"]);
    }
    whole.extend([host.as_str(), path]);
    Ok(Value { kind: Kind::Url, text: whole, port: None })
}

/// The host of a URL, without user and port.
pub(in crate::analysis) fn host(url: &str) -> &str {
    let key = url_key(url);
    let end = key.find(['/', '?', '#']).unwrap_or(key.len());
    let host = key.get(..end).unwrap_or(key);
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, _)) => inner,
        None => host.split(':').next().unwrap_or(host),
    }
}

/// What of a URL is compared: all but the scheme, the user, and a slash at the end.
pub(super) fn url_key(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let at = rest.get(..end).and_then(|authority| authority.rfind('@')).map_or(0, |at| at.saturating_add(1));
    let key = rest.get(at..).unwrap_or(rest);
    key.strip_suffix('/').unwrap_or(key)
}

/// Whether a domain is another, or below it.
pub(super) fn is_below(domain: &[u8], parent: &[u8]) -> bool {
    let Some(split) = domain.len().checked_sub(parent.len()) else { return false };
    let (before, end) = domain.split_at_checked(split).unwrap_or((domain, b""));
    end.eq_ignore_ascii_case(parent) && (before.is_empty() || before.ends_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: Kind, text: &str) -> String {
        Value::new(kind, text).map_or_else(str::to_owned, |value| format!("{} {}", value.kind.as_str(), value.text))
    }

    #[test]
    fn values_have_one_form() {
        assert_eq!(text(Kind::Address, "::ffff:203.0.113.7"), "address 203.0.113.7");
        assert_eq!(text(Kind::Address, "[2001:DB8::1]"), "address 2001:db8::1");
        assert_eq!(text(Kind::Address, "203.0.113.7/24"), "network 203.0.113.0/24");
        assert_eq!(text(Kind::Network, "203.0.113.7/32"), "address 203.0.113.7");
        assert_eq!(text(Kind::Network, "2001:db8::1/32"), "network 2001:db8::/32");
        assert_eq!(text(Kind::Network, "0.0.0.0/0"), "network 0.0.0.0/0");
        assert_eq!(text(Kind::Domain, "*.Evil.COM."), "domain evil.com");
        assert_eq!(text(Kind::Domain, "Bücher.example"), "domain xn--bcher-kva.example");
        assert_eq!(text(Kind::Url, "HTTP://Evil.COM/A/b?C"), "url http://evil.com/A/b?C");
        assert_eq!(text(Kind::Md5, "D41D8CD98F00B204E9800998ECF8427E"), "md5 d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(text(Kind::Directory, "/tmp/.x/"), "directory /tmp/.x");
    }

    #[test]
    fn what_is_none_says_so() {
        for (kind, bad) in [
            (Kind::Address, "256.1.1.1"),
            (Kind::Network, "1.1.1.1/33"),
            (Kind::Domain, "evil"),
            (Kind::Domain, "1.2.3.4"),
            (Kind::Url, "http://"),
            (Kind::Sha256, "abc"),
            (Kind::Port, "0"),
            (Kind::SshKey, "SHA256:abc"),
            (Kind::Name, ""),
        ] {
            assert!(Value::new(kind, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn domains_end_at_labels() {
        assert!(is_below(b"evil.com", b"evil.com") && is_below(b"a.b.EVIL.com", b"evil.com"));
        assert!(!is_below(b"notevil.com", b"evil.com") && !is_below(b"com", b"evil.com"));
    }

    #[test]
    fn urls_are_compared_without_scheme_user_and_last_slash() {
        assert_eq!(url_key("https://a:b@evil.com/x/"), "evil.com/x");
        assert_eq!(url_key("evil.com/x@y"), "evil.com/x@y");
        assert_eq!(host("https://u@evil.com:8443/x"), "evil.com");
        assert_eq!(host("http://[2001:db8::1]:80/"), "2001:db8::1");
    }
}
