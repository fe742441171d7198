//! Whether an expression has something that a visitor sends: it comes through functions that change only its form.

use bstr::ByteSlice;

use super::token::Kind;
use super::{Flow, Mask};

/// What a visitor sends.
pub(super) const REQUEST: Mask = 1;
/// What another server sends.
pub(super) const REMOTE: Mask = 2;
/// A file into which one of both was written.
pub(super) const WRITTEN: Mask = 4;
/// The first parameter of a function. The others follow.
pub(super) const PARAMETER: Mask = 1 << 8;
/// All parameters.
pub(super) const PARAMETERS: Mask = 0xffff << 8;

/// How deep expressions are read.
const DEEPEST: usize = 12;

/// Functions whose result has what their arguments have.
const CARRIERS: [&str; 62] = [
    "array",
    "array_combine",
    "array_filter",
    "array_keys",
    "array_map",
    "array_merge",
    "array_pop",
    "array_shift",
    "array_slice",
    "array_values",
    "array_walk",
    "base64_decode",
    "base64_encode",
    "bzdecompress",
    "chr",
    "compact",
    "convert_uudecode",
    "current",
    "end",
    "explode",
    "fgets",
    "file_get_contents",
    "fread",
    "gzdecode",
    "gzinflate",
    "gzuncompress",
    "hex2bin",
    "html_entity_decode",
    "htmlspecialchars_decode",
    "iconv",
    "implode",
    "join",
    "json_decode",
    "key",
    "key_exists",
    "ltrim",
    "mb_convert_encoding",
    "mcrypt_decrypt",
    "next",
    "openssl_decrypt",
    "pack",
    "pos",
    "preg_replace",
    "preg_split",
    "rawurldecode",
    "reset",
    "rtrim",
    "sodium_crypto_secretbox_open",
    "sprintf",
    "str_pad",
    "str_replace",
    "str_rot13",
    "str_split",
    "stream_get_contents",
    "stream_get_meta_data",
    "stripcslashes",
    "stripslashes",
    "strrev",
    "strtr",
    "substr",
    "trim",
    "urldecode",
];
/// Functions that give what a visitor sends.
const SOURCES: [&str; 6] = [
    "apache_request_headers",
    "filter_input",
    "filter_input_array",
    "getallheaders",
    "http_get_request_body",
    "http_get_request_headers",
];
/// Functions that give what another server sends.
const REMOTES: [&str; 7] = [
    "curl_exec",
    "curl_multi_getcontent",
    "dns_get_record",
    "fsockopen",
    "pfsockopen",
    "socket_read",
    "stream_socket_client",
];

/// Whether a name is that of a variable with what a visitor sends.
pub(super) fn is_request(name: &[u8]) -> bool {
    matches!(name, b"_GET" | b"_POST" | b"_REQUEST" | b"_COOKIE" | b"_FILES" | b"HTTP_RAW_POST_DATA")
}

/// Whether a key of `$_SERVER` or the environment names a part of the request that may be anything.
fn is_header(key: &[u8]) -> bool {
    key.starts_with(b"HTTP_") && key != b"HTTP_HOST"
        || matches!(key, b"QUERY_STRING" | b"PATH_INFO" | b"PHP_AUTH_USER" | b"PHP_AUTH_PW")
}

impl Flow<'_> {
    /// What an expression has.
    pub(super) fn carries(&self, from: usize, to: usize, depth: usize) -> Mask {
        let Some(first) = self.token(from).filter(|_| from < to && depth <= DEEPEST) else { return 0 };
        let (deeper, rest) = (depth.saturating_add(1), from.saturating_add(1));
        let any = |parts: Vec<(usize, usize)>| {
            parts.into_iter().fold(0, |mask, (from, to)| mask | self.carries(from, to, deeper))
        };
        // Casts, and what does not change a value.
        if first.is("@") || first.is("&") || first.is("...") || first.is_name("print") || first.is_name("clone") {
            return self.carries(rest, to, deeper);
        }
        if let Some(at) = self.mark(from, to, &["=", ".=", "??="]) {
            return self.carries(at.saturating_add(1), to, deeper);
        }
        if let Some(at) = self.mark(from, to, &["?"]) {
            return any(self.split(at.saturating_add(1), to, &[":"])) | self.short(from, at, to, deeper);
        }
        let parts = self.split(from, to, &["??"]);
        if parts.len() > 1 {
            return any(parts);
        }
        let compares = ["==", "===", "!=", "!==", "<", ">", "<=", ">=", "&&", "||", "!", "-", "*", "/", "%", "+"];
        if first.is("!") || self.mark(from, to, &compares).is_some() {
            return 0;
        }
        let parts = self.split(from, to, &[".", "^", "|"]);
        if parts.len() > 1 {
            return any(parts);
        }
        match first.kind {
            Kind::Variable => self.variable(from, to, deeper),
            Kind::Quoted => self.blend(first.text),
            Kind::Name => self.call(from, to, deeper),
            Kind::Mark if first.is("$") => self.variable_variable(from, to, deeper),
            Kind::Mark if first.is("[") => first.pair.map_or(0, |end| self.elements(rest, end, deeper)),
            Kind::Mark if first.is("(") => {
                let Some(end) = first.pair.filter(|end| *end < to) else { return 0 };
                let cast = self.token(rest).filter(|token| token.kind == Kind::Name && end == rest.saturating_add(1));
                let after = end.saturating_add(1);
                match cast {
                    Some(cast) if ["string", "array", "object", "binary"].iter().any(|name| cast.is_name(name)) => {
                        self.carries(after, to, deeper)
                    }
                    Some(_) if after < to => 0,
                    _ => self.carries(rest, end, deeper),
                }
            }
            _ => 0,
        }
    }

    /// `a ?: b` has what `a` has.
    fn short(&self, from: usize, at: usize, to: usize, depth: usize) -> Mask {
        let next = self.token(at.saturating_add(1)).is_some_and(|token| at.saturating_add(1) < to && token.is(":"));
        if next { self.carries(from, at, depth) } else { 0 }
    }

    /// The elements of a list.
    pub(super) fn elements(&self, from: usize, to: usize, depth: usize) -> Mask {
        self.split(from, to, &[","]).into_iter().fold(0, |mask, (from, to)| {
            let from = self.mark(from, to, &["=>"]).map_or(from, |at| at.saturating_add(1));
            mask | self.carries(from, to, depth)
        })
    }

    fn variable(&self, from: usize, to: usize, depth: usize) -> Mask {
        let Some(first) = self.token(from) else { return 0 };
        let rest = from.saturating_add(1);
        if is_request(first.text) {
            return REQUEST;
        }
        let after = self.token(rest).filter(|_| rest < to);
        if matches!(first.text, b"_SERVER" | b"_ENV") {
            let key = self.key(rest, to, depth);
            return if key.is_some_and(|key| is_header(&key)) { REQUEST } else { 0 };
        }
        if first.text == b"GLOBALS" {
            return self
                .key(rest, to, depth)
                .map_or(0, |key| if is_request(&key) { REQUEST } else { self.taint(&key) });
        }
        // A function whose name is in a variable: one that decodes, if its name is not known.
        if let Some(end) = after.filter(|token| token.is("(")).and_then(|token| token.pair) {
            return self.elements(rest.saturating_add(1), end, depth);
        }
        if let Some(property) = self.property(from).filter(|(_, end)| *end <= to) {
            return self.taint(&property.0);
        }
        // What methods give is not known.
        if after.is_some_and(|token| token.is("->") || token.is("?->") || token.is("::")) {
            return 0;
        }
        match self.key(rest, to, depth) {
            Some(key) => self.taint_of_key(first.text, &key),
            None if after.is_some_and(|token| token.is("[")) => self.taint_of_any(first.text),
            None => self.taint(first.text),
        }
    }

    /// The key in brackets, if it is known.
    pub(super) fn key(&self, open: usize, to: usize, depth: usize) -> Option<Vec<u8>> {
        let end = self.token(open).filter(|token| open < to && token.is("["))?.pair?;
        self.value(open.saturating_add(1), end, depth)
    }

    /// `$$name` and `${"name"}`.
    fn variable_variable(&self, from: usize, to: usize, depth: usize) -> Mask {
        let rest = from.saturating_add(1);
        let Some(next) = self.token(rest).filter(|_| rest < to) else { return 0 };
        let (inner, end) = match next.pair {
            Some(end) if next.is("{") => (rest.saturating_add(1), end),
            _ => (rest, rest.saturating_add(1)),
        };
        match self.value(inner, end, depth) {
            Some(name) if is_request(&name) => REQUEST,
            Some(name) => self.taint(&name),
            None => self.carries(inner, end, depth),
        }
    }

    /// A text with variables.
    pub(super) fn blend(&self, text: &[u8]) -> Mask {
        let mut mask = 0;
        for at in text.find_iter(b"$").take(256) {
            let escapes = text.get(..at).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'\\').count();
            if escapes % 2 == 1 {
                continue;
            }
            let rest = text.get(at.saturating_add(1)..).unwrap_or_default();
            let rest = rest.strip_prefix(b"{").unwrap_or(rest);
            let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            let end = rest.iter().position(|byte| !is_word(byte)).unwrap_or(rest.len());
            let name = rest.get(..end).unwrap_or_default();
            let key = rest.get(end..).unwrap_or_default().trim_start_with(|c| "[{'\"".contains(c));
            mask |= match name {
                name if is_request(name) => REQUEST,
                b"_SERVER" if key.starts_with(b"HTTP_") && !key.starts_with(b"HTTP_HOST") => REQUEST,
                name => self.taint(name),
            };
        }
        mask
    }

    /// The result of a function.
    fn call(&self, from: usize, to: usize, depth: usize) -> Mask {
        let Some(first) = self.token(from) else { return 0 };
        let open = from.saturating_add(1);
        let Some(bracket) = self.token(open).filter(|token| open < to && token.is("(")) else { return 0 };
        let Some(end) = bracket.pair.filter(|end| *end < to) else { return 0 };
        let name = first.text.to_ascii_lowercase();
        let is = |names: &[&str]| names.iter().any(|known| known.as_bytes() == name);
        let inside = open.saturating_add(1);
        if is(&SOURCES) {
            return REQUEST;
        }
        if is(&REMOTES) {
            return REMOTE;
        }
        let target = || self.split(inside, end, &[","]).first().and_then(|(from, to)| self.beginning(*from, *to));
        match name.as_slice() {
            b"file_get_contents" | b"fopen" | b"file" | b"readfile" => match target() {
                Some(text) if text.eq_ignore_ascii_case(b"php://input") => return REQUEST,
                Some(text) if is_url(&text) => return REMOTE,
                // What a visitor names is a file; its contents are not the visitor's.
                _ => return self.elements(inside, end, depth) & (WRITTEN | REMOTE),
            },
            b"getenv" => return if target().is_some_and(|key| is_header(&key)) { REQUEST } else { 0 },
            _ => {}
        }
        let arguments = || self.split(inside, end, &[","]);
        if let Some(passed) = self.passes(&name) {
            return self.passed(passed, &arguments(), depth);
        }
        // What is left of a text without all but some characters is no code.
        let is_cleaned = name == b"preg_replace" && target().is_some_and(|pattern| pattern.find(b"[^").is_some());
        if is(&CARRIERS) && !is_cleaned {
            return self.elements(inside, end, depth);
        }
        0
    }

    /// What arguments have that a function is known to use.
    pub(super) fn passed(&self, parameters: Mask, arguments: &[(usize, usize)], depth: usize) -> Mask {
        let used = arguments.iter().enumerate().take(16).filter(|(number, _)| parameters & (PARAMETER << number) != 0);
        used.fold(0, |mask, (_, (from, to))| mask | self.carries(*from, *to, depth))
    }
}

/// Whether a text is the beginning of an address of the network.
pub(super) fn is_url(text: &[u8]) -> bool {
    let text = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    ["http://", "https://", "ftp://"].iter().any(|scheme| text.starts_with(scheme.as_bytes()))
}
