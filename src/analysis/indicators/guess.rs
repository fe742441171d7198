//! Guesses what a line of a plain list is.

use std::net::{IpAddr, SocketAddr};

use super::refang::refang;
use super::value::{Kind, Value, is_domain, network};

/// Ends of names of files that are also the ends of domains.
const BOTH: [&str; 15] = ["sh", "py", "pl", "so", "rs", "md", "zip", "ps", "cc", "pm", "in", "mov", "app", "bz", "la"];

/// Ends of names of files that no domain in use has.
const FILES: [&str; 73] = [
    "exe", "dll", "elf", "bin", "php", "txt", "js", "jar", "conf", "service", "img", "ko", "o", "tar", "gz", "tgz",
    "xz", "bz2", "jsp", "jspx", "war", "class", "log", "cfg", "json", "xml", "yml", "yaml", "html", "htm", "bat",
    "vbs", "dat", "tmp", "lock", "pid", "go", "c", "h", "cpp", "hpp", "java", "kt", "lua", "rb", "ts", "tsx", "jsx",
    "mjs", "cjs", "css", "sql", "csv", "ini", "toml", "env", "pem", "key", "crt", "cer", "csr", "p12", "pyc", "whl",
    "rpm", "db", "sqlite", "bak", "swp", "svg", "png", "jpg", "pdf",
];

/// Whether a word with a dot is the name of a file rather than a domain: nothing else ends so, or it has the two parts that
/// names of files have.
pub(in crate::analysis) fn is_name_of_file(word: &str) -> bool {
    let end = word.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default();
    FILES.contains(&end.as_str()) || is_both(&end, word)
}

/// Whether a word may be a domain and the name of a file.
fn is_both(end: &str, word: &str) -> bool {
    BOTH.contains(&end) && word.split('.').count() == 2
}

/// The values that a text may stand for: none if it says nothing, two if it may be a domain or the name of a file.
/// `Err` says why it cannot be used.
pub(super) fn guess(text: &str) -> Result<Vec<Value>, &'static str> {
    let text = text.trim();
    let plain = refang(text);
    let plain = plain.trim().trim_matches('"');
    let one = |kind, text: &str| Value::new(kind, text).map(|value| vec![value]);
    if let Some((name, digest)) = plain.split_once(':') {
        let kind = match name.to_ascii_lowercase().as_str() {
            "md5" => Some(Kind::Md5),
            "sha1" | "sha-1" => Some(Kind::Sha1),
            "sha256" | "sha-256" if digest.len() == 64 => Some(Kind::Sha256),
            "sha256" if name == "SHA256" => Some(Kind::SshKey),
            "tlsh" => Some(Kind::Tlsh),
            _ => None,
        };
        if let Some(kind) = kind {
            return one(kind, if kind == Kind::SshKey { plain } else { digest });
        }
    }
    if let Ok(value) = Value::new(Kind::Tlsh, plain) {
        return Ok(vec![value]);
    }
    if plain.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        match plain.len() {
            32 => return one(Kind::Md5, plain),
            40 => return one(Kind::Sha1, plain),
            64 => return one(Kind::Sha256, plain),
            56 | 96 | 128 => return Err("hashes of this length (SHA-224, SHA-384, SHA-512) are not compared"),
            _ => {}
        }
    }
    if let Some(found) = address(plain) {
        return found.map(|value| vec![value]);
    }
    if plain.contains("://") {
        return one(Kind::Url, plain);
    }
    if let Some(name) = plain.strip_prefix('@') {
        return if name.is_empty() { Err("it is empty") } else { one(Kind::Socket, plain) };
    }
    if plain.starts_with('/') && !plain.contains(char::is_whitespace) {
        return one(if plain.ends_with('/') { Kind::Directory } else { Kind::Path }, plain);
    }
    if text.contains(char::is_whitespace) && !is_domain(plain) {
        return one(Kind::Text, text);
    }
    if plain.contains('@') {
        return one(Kind::Text, plain);
    }
    if let Some((host, _)) = plain.split_once('/')
        && (is_domain(host.split(':').next().unwrap_or(host)) || host.parse::<IpAddr>().is_ok())
    {
        return one(Kind::Url, plain);
    }
    if let Some((host, port)) = plain.rsplit_once(':')
        && let (Ok(value), Ok(port)) = (Value::new(Kind::Domain, host), port.parse::<u16>())
    {
        return Ok(vec![value.at_port(port)]);
    }
    word(plain)
}

/// A word: a domain, a name of a file or process, or either.
fn word(text: &str) -> Result<Vec<Value>, &'static str> {
    let end = text.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
    let end = end.as_deref().unwrap_or_default();
    let name = || Value::new(Kind::Name, text);
    if FILES.contains(&end) {
        return Ok(vec![name()?]);
    }
    match Value::new(Kind::Domain, text) {
        Ok(domain) if is_both(end, text) => Ok(vec![domain, name()?]),
        Ok(domain) => Ok(vec![domain]),
        Err(_) if text.contains('\\') => Err("paths and keys of Windows are not compared"),
        Err(_) => Ok(vec![name()?]),
    }
}

/// An address, with a port or a prefix, if it is one.
pub(super) fn address(text: &str) -> Option<Result<Value, &'static str>> {
    if text.parse::<IpAddr>().is_ok() || network(text).is_some() {
        return Some(Value::new(Kind::Address, text));
    }
    let pair = text.replacen('|', ":", 1);
    if let Ok(socket) = pair.parse::<SocketAddr>() {
        let value = Value::new(Kind::Address, &socket.ip().to_string());
        return Some(value.map(|value| if socket.port() == 0 { value } else { value.at_port(socket.port()) }));
    }
    if text.starts_with('[') && text.ends_with(']') {
        return Value::new(Kind::Address, text).ok().map(Ok);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(text: &str) -> Vec<String> {
        let show = |value: &Value| match value.port {
            Some(port) if value.kind != Kind::Port => format!("{} {}:{port}", value.kind.as_str(), value.text),
            _ => format!("{} {}", value.kind.as_str(), value.text),
        };
        guess(text).map_or_else(|why| vec![why.to_owned()], |values| values.iter().map(show).collect())
    }

    #[test]
    fn a_line_is_what_people_take_it_for() {
        for (text, wanted) in [
            ("203.0.113.7", "address 203.0.113.7"),
            ("203[.]0[.]113[.]7:4444", "address 203.0.113.7:4444"),
            ("203.0.113.7|4444", "address 203.0.113.7:4444"),
            ("[2001:db8::1]:443", "address 2001:db8::1:443"),
            ("203.0.113.0/24", "network 203.0.113.0/24"),
            ("evil[.]com", "domain evil.com"),
            ("evil.com:8443", "domain evil.com:8443"),
            ("hxxps://evil[.]com/a b", "it is no URL"),
            ("hxxps://evil[.]com/a", "url https://evil.com/a"),
            ("evil.com/a.sh", "url evil.com/a.sh"),
            ("/tmp/.x/run.sh", "path /tmp/.x/run.sh"),
            ("/tmp/.x/", "directory /tmp/.x"),
            ("xmrig", "name xmrig"),
            ("shell.php", "name shell.php"),
            ("main.go", "name main.go"),
            ("evil.pem.net", "domain evil.pem.net"),
            ("@dbus-x", "socket @dbus-x"),
            ("sh -c id", "text sh -c id"),
            ("a@evil.com", "text a@evil.com"),
            ("md5:d41d8cd98f00b204e9800998ecf8427e", "md5 d41d8cd98f00b204e9800998ecf8427e"),
            (
                "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                "ssh_key SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            ),
        ] {
            assert_eq!(said(text), [wanted], "{text}");
        }
        assert_eq!(said("drop.sh"), ["domain drop.sh", "name drop.sh"]);
        assert_eq!(said("a.drop.sh"), ["domain a.drop.sh"]);
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "\\PC{0,80}") {
            let _ = guess(&text);
        }

        #[test]
        fn text_like_indicators_is_taken(text in "[a-z0-9.:/|@\\[\\]%-]{0,40}") {
            let _ = guess(&text);
        }
    }
}
