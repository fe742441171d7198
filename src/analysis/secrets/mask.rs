//! How values are shown: never whole, unless the user asks for it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

use bstr::ByteSlice;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::detector::Style;

/// Characters of a token at its end that are shown if it is longer than [`SHORT`].
const TAIL: usize = 4;
/// Tokens of at most so many characters show nothing but their public prefix.
const SHORT: usize = 16;

/// A value as it is shown: its public prefix, and the last characters of a long token.
pub(crate) fn masked(id: &str, style: Style, value: &[u8], public: usize, principal: Option<&str>) -> String {
    if id == "url-password" {
        // `scheme://user@host`
        let url = principal.unwrap_or_default();
        return match url.rsplit_once('@') {
            Some((login, host)) => format!("{login}:…@{host}"),
            None => url.replacen("://", "://:…@", 1),
        };
    }
    if id == "jwt" || id == "kubernetes-serviceaccount-token" {
        return "eyJ…".to_owned();
    }
    match style {
        Style::Password | Style::Key => "…".to_owned(),
        Style::Token => {
            let prefix = value.get(..public).unwrap_or_default().to_str_lossy();
            let secret = value.len().saturating_sub(public);
            let tail = if value.len() > SHORT && secret > TAIL.saturating_mul(2) {
                value.get(value.len().saturating_sub(TAIL)..).unwrap_or_default()
            } else {
                &[]
            };
            format!("{prefix}…{}", tail.to_str_lossy())
        }
    }
}

/// How long a value is: exactly for tokens and keys, roughly for passwords.
pub(crate) fn length(style: Style, len: usize) -> String {
    match (style, len) {
        (Style::Password, 0..=7) => "under 8".to_owned(),
        (Style::Password, 8..=11) => "8–11".to_owned(),
        (Style::Password, 12..=19) => "12–19".to_owned(),
        (Style::Password, _) => "20+".to_owned(),
        _ => len.to_string(),
    }
}

/// The hash by which two values can be compared. The hash of a password would let it be guessed, so it is made with a key
/// that is another in each run, unless the user wants to compare runs.
pub(crate) fn hash(style: Style, value: &[u8], stable: bool) -> String {
    let mut hash = Sha256::new();
    let name = if style == Style::Password && !stable {
        hash.update(run_key());
        "keyed"
    } else {
        "sha256"
    };
    hash.update(value);
    let text = HEXLOWER.encode(&hash.finalize());
    format!("{name}:{}", text.get(..16).unwrap_or_default())
}

/// A random key of this run.
fn run_key() -> &'static [u8; 32] {
    static KEY: OnceLock<[u8; 32]> = OnceLock::new();
    KEY.get_or_init(|| {
        let mut key = [0_u8; 32];
        for part in key.as_chunks_mut::<8>().0 {
            // The standard library keys its hashers with random numbers of the system.
            *part = RandomState::new().build_hasher().finish().to_le_bytes();
        }
        key
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_short_values_and_four_characters_of_long_ones() {
        let token = |value: &str, public| masked("x", Style::Token, value.as_bytes(), public, None);
        assert_eq!(token("ghp_0123456789abcdefghij", 4), "ghp_…ghij");
        assert_eq!(token("abcdefgh", 0), "…");
        assert_eq!(masked("x", Style::Password, b"a long password of many words", 0, None), "…");
        let url = |principal| masked("url-password", Style::Password, b"pw", 0, Some(principal));
        assert_eq!(url("postgres://app@db:5432"), "postgres://app:…@db:5432");
        assert_eq!(url("redis://cache"), "redis://:…@cache");
        assert_eq!((length(Style::Password, 9), length(Style::Token, 9)), ("8–11".to_owned(), "9".to_owned()));
    }

    #[test]
    fn hashes_of_passwords_are_keyed_unless_wanted() {
        assert!(hash(Style::Password, b"x", false).starts_with("keyed:"));
        assert_eq!(hash(Style::Password, b"x", true), hash(Style::Token, b"x", false));
        assert_eq!(hash(Style::Password, b"x", false), hash(Style::Password, b"x", false));
    }
}
