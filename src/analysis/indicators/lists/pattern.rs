//! Patterns of STIX 2.1: comparisons of properties with AND, OR and parentheses, in brackets, which are again joined by AND, OR
//! and FOLLOWEDBY. What comes out are alternatives: of each, all parts must hold, and all conditions of a part of one row.

use std::fmt::Write as _;

use super::super::index::{Parts, Test};
use super::super::value::{Kind, Value};

/// Alternatives of a pattern, and tokens of it.
const ALTERNATIVES: usize = 512;
const TOKENS: usize = 20_000;
/// Conditions that must hold together.
const TOGETHER: usize = 255;
/// Parentheses in each other.
const DEPTH: usize = 64;

/// A pattern that was read.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) alternatives: Vec<Parts>,
    /// What of it cannot be used, such as one of several alternatives.
    pub(super) left_out: Vec<String>,
    /// What is not checked.
    pub(super) note: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Left,
    Right,
    Comma,
    Word(String),
    Text(String),
    Sign(&'static str),
}

/// Reads a pattern.
pub(super) fn parse(text: &str) -> Result<Parsed, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0, parsed: Parsed::default() };
    let alternatives = parser.observations()?;
    if parser.at < tokens.len() {
        return Err("the pattern is not valid: text behind its end".to_owned());
    }
    let mut parsed = parser.parsed;
    parsed.alternatives = alternatives.into_iter().filter(|parts| !parts.is_empty()).collect();
    parsed.alternatives.iter_mut().flatten().for_each(join_path);
    if parsed.alternatives.is_empty() && parsed.left_out.is_empty() {
        return Err("the pattern has no condition that is compared".to_owned());
    }
    Ok(parsed)
}

/// The name of a file and the directory that it is in are a path.
fn join_path(row: &mut Vec<Test>) {
    let place =
        |row: &[Test], kind: Kind| row.iter().position(|test| matches!(test, Test::Is(value) if value.kind == kind));
    let text = |row: &[Test], at: usize| match row.get(at) {
        Some(Test::Is(value)) => Some(value.text.clone()),
        _ => None,
    };
    if let (Some(name), Some(directory)) = (place(row, Kind::Name), place(row, Kind::Directory))
        && let (Some(file), Some(folder)) = (text(row, name), text(row, directory))
        && let Ok(path) = Value::new(Kind::Path, &format!("{folder}/{file}"))
        && let Some(test) = row.get_mut(name)
    {
        *test = Test::Is(path);
        row.remove(directory);
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut all = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if all.len() > TOKENS {
            return Err("the pattern is too long".to_owned());
        }
        let token = match c {
            c if c.is_whitespace() => continue,
            '[' => Token::Open,
            ']' => Token::Close,
            '(' => Token::Left,
            ')' => Token::Right,
            ',' => Token::Comma,
            '\'' => Token::Text(quoted(&mut chars)?),
            '=' => {
                chars.next_if_eq(&'=');
                Token::Sign("=")
            }
            '!' => {
                chars.next_if_eq(&'=');
                Token::Sign("!=")
            }
            '<' | '>' => {
                if c == '<' && chars.next_if_eq(&'>').is_some() {
                    Token::Sign("!=")
                } else {
                    chars.next_if_eq(&'=');
                    Token::Sign(if c == '<' { "<" } else { ">" })
                }
            }
            c if c.is_alphanumeric() || matches!(c, '_' | '-' | '+') => {
                let mut word = String::from(c);
                // Of a path, keys may be quoted and lists have an index in brackets: file:hashes.'SHA-256', protocols[*].
                while let Some(&next) = chars.peek() {
                    let is_word = next.is_alphanumeric() || matches!(next, '_' | '-' | ':' | '.' | '+');
                    if is_word {
                        word.push(next);
                        chars.next();
                    } else if next == '\'' && (word.ends_with('.') || matches!(word.as_str(), "t" | "h" | "b")) {
                        chars.next();
                        let inner = quoted(&mut chars)?;
                        word.push_str(&inner);
                    } else if next == '[' && word.contains(':') {
                        chars.next();
                        for inner in chars.by_ref() {
                            if inner == ']' {
                                break;
                            }
                        }
                    } else {
                        break;
                    }
                }
                Token::Word(word)
            }
            _ => return Err("the pattern is not valid: an unexpected character".to_owned()),
        };
        all.push(token);
    }
    Ok(all)
}

fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, String> {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\'' => return Ok(text),
            '\\' => match chars.next() {
                Some(escaped @ ('\'' | '\\')) => text.push(escaped),
                Some(other) => text.extend(['\\', other]),
                None => break,
            },
            c => text.push(c),
        }
    }
    Err("the pattern is not valid: a quote is missing".to_owned())
}

/// Alternatives of conditions of one row.
type Rows = Vec<Vec<Test>>;

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    depth: usize,
    parsed: Parsed,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at = self.at.saturating_add(1);
        token
    }

    fn take(&mut self, wanted: &Token) -> bool {
        let is_there = self.peek() == Some(wanted);
        if is_there {
            self.at = self.at.saturating_add(1);
        }
        is_there
    }

    fn word(&mut self, wanted: &str) -> bool {
        let is_there = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        if is_there {
            self.at = self.at.saturating_add(1);
        }
        is_there
    }

    fn expect(&mut self, wanted: &Token, what: &str) -> Result<(), String> {
        if self.take(wanted) { Ok(()) } else { Err(format!("the pattern is not valid: {what} is missing")) }
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEPTH { Err("the pattern has too many parentheses in each other".to_owned()) } else { Ok(()) }
    }

    /// Brackets joined by OR and FOLLOWEDBY; what is joined by AND binds closer.
    fn observations(&mut self) -> Result<Vec<Parts>, String> {
        let mut all = self.observations_and()?;
        loop {
            if self.word("OR") {
                let more = self.observations_and()?;
                all.extend(more);
            } else if self.word("FOLLOWEDBY") {
                self.parsed.note = Some("the order in time is not checked");
                let more = self.observations_and()?;
                all = bounded(crossed(&all, &more)?)?;
            } else {
                return bounded(all);
            }
        }
    }

    fn observations_and(&mut self) -> Result<Vec<Parts>, String> {
        let mut all = self.observation()?;
        while self.word("AND") {
            let more = self.observation()?;
            all = bounded(crossed(&all, &more)?)?;
        }
        Ok(all)
    }

    fn observation(&mut self) -> Result<Vec<Parts>, String> {
        self.deeper()?;
        let all = if self.take(&Token::Left) {
            let all = self.observations()?;
            self.expect(&Token::Right, "a parenthesis")?;
            all
        } else {
            self.expect(&Token::Open, "a bracket")?;
            let rows = self.comparisons()?;
            self.expect(&Token::Close, "a bracket")?;
            rows.into_iter().map(|row| if row.is_empty() { Vec::new() } else { vec![row] }).collect()
        };
        self.qualifiers()?;
        self.depth = self.depth.saturating_sub(1);
        Ok(all)
    }

    fn qualifiers(&mut self) -> Result<(), String> {
        loop {
            if self.word("WITHIN") || self.word("REPEATS") {
                self.next();
                if !(self.word("SECONDS") || self.word("TIMES")) {
                    return Err("the pattern is not valid: a qualifier".to_owned());
                }
            } else if self.word("START") {
                self.next();
                if !self.word("STOP") {
                    return Err("the pattern is not valid: a qualifier".to_owned());
                }
                self.next();
            } else {
                return Ok(());
            }
            self.parsed.note = Some("times and repetitions are not checked");
        }
    }

    fn comparisons(&mut self) -> Result<Rows, String> {
        let mut all = self.comparisons_and()?;
        while self.word("OR") {
            let more = self.comparisons_and()?;
            all.extend(more);
        }
        bounded(all)
    }

    fn comparisons_and(&mut self) -> Result<Rows, String> {
        let mut all = self.comparison()?;
        while self.word("AND") {
            let more = self.comparison()?;
            all = bounded(crossed(&all, &more)?)?;
        }
        Ok(all)
    }

    /// A comparison: the values that it allows. None, if it cannot be used.
    fn comparison(&mut self) -> Result<Rows, String> {
        self.deeper()?;
        if self.take(&Token::Left) {
            let all = self.comparisons()?;
            self.expect(&Token::Right, "a parenthesis")?;
            self.depth = self.depth.saturating_sub(1);
            return Ok(all);
        }
        let is_exists = self.word("EXISTS");
        let Some(Token::Word(property)) = self.next() else {
            return Err("the pattern is not valid: a property is missing".to_owned());
        };
        let is_not = self.word("NOT");
        let result = if is_exists {
            Err("EXISTS is not compared".to_owned())
        } else {
            let operator = match self.next() {
                Some(Token::Sign(sign)) => sign.to_owned(),
                Some(Token::Word(word)) => word.to_ascii_uppercase(),
                _ => return Err("the pattern is not valid: an operator is missing".to_owned()),
            };
            let literals = self.literals()?;
            if is_not || operator == "!=" {
                Err("conditions with NOT or != are not compared".to_owned())
            } else {
                tests(&property, &operator, &literals, &mut self.parsed)
            }
        };
        self.depth = self.depth.saturating_sub(1);
        match result {
            Ok(rows) => Ok(rows),
            Err(why) => {
                if !self.parsed.left_out.contains(&why) {
                    self.parsed.left_out.push(why);
                }
                Ok(Vec::new())
            }
        }
    }

    fn literals(&mut self) -> Result<Vec<String>, String> {
        let text = |token: Option<Token>| match token {
            Some(Token::Text(text) | Token::Word(text)) => Ok(text),
            _ => Err("the pattern is not valid: a value is missing".to_owned()),
        };
        if !self.take(&Token::Left) {
            return Ok(vec![text(self.next())?]);
        }
        let mut all = vec![text(self.next())?];
        while self.take(&Token::Comma) {
            all.push(text(self.next())?);
        }
        self.expect(&Token::Right, "a parenthesis")?;
        Ok(all)
    }
}

fn crossed<T: Clone>(left: &[Vec<T>], right: &[Vec<T>]) -> Result<Vec<Vec<T>>, String> {
    let mut all = Vec::new();
    for one in left {
        for other in right {
            if all.len() > ALTERNATIVES {
                return Ok(all);
            }
            if one.len().saturating_add(other.len()) > TOGETHER {
                return Err("the pattern has too many conditions that must hold together".to_owned());
            }
            all.push(one.iter().chain(other).cloned().collect());
        }
    }
    Ok(all)
}

fn bounded<T>(all: Vec<T>) -> Result<Vec<T>, String> {
    if all.len() > ALTERNATIVES { Err("the pattern has too many alternatives".to_owned()) } else { Ok(all) }
}

/// What a property is.
enum Property {
    /// Values of this kind.
    Of(Kind),
    /// What a condition on it says is true of everything that is looked at.
    True,
}

fn property(path: &str) -> Option<Property> {
    let (object, rest) = path.split_once(':')?;
    let rest = rest.to_ascii_lowercase();
    let hash = || match rest.rsplit_once('.').map(|(before, name)| (before.ends_with("hashes"), name.replace('-', "")))
    {
        Some((true, name)) => match name.as_str() {
            "md5" => Some(Kind::Md5),
            "sha1" => Some(Kind::Sha1),
            "sha256" => Some(Kind::Sha256),
            "tlsh" => Some(Kind::Tlsh),
            _ => None,
        },
        _ => None,
    };
    let kind = match (object, rest.as_str()) {
        ("ipv4-addr" | "ipv6-addr", "value") | ("network-traffic", "dst_ref.value" | "src_ref.value") => Kind::Address,
        ("domain-name" | "hostname", "value") => Kind::Domain,
        ("url", "value") => Kind::Url,
        ("file", "name") => Kind::Name,
        ("file", "parent_directory_ref.path") | ("directory", "path") => Kind::Directory,
        ("process", "command_line") => Kind::Command,
        ("process", "name" | "image_ref.name" | "binary_ref.name") => Kind::Process,
        ("mutex", "name") => Kind::Socket,
        ("x-cryoscope-ssh-key", "fingerprint_sha256") => Kind::SshKey,
        ("x-cryoscope-path", "value") => Kind::Path,
        ("network-traffic", "dst_port" | "src_port") => Kind::Port,
        ("email-addr", "value" | "display_name") | ("user-agent", "value") => Kind::Text,
        ("network-traffic", rest) if rest.starts_with("extensions.") => Kind::Text,
        ("network-traffic", "protocols" | "dst_ref.type" | "src_ref.type" | "is_active") => {
            return Some(Property::True);
        }
        ("file" | "process" | "artifact", _) => hash()?,
        _ => return None,
    };
    Some(Property::Of(kind))
}

/// The conditions of a comparison, each an alternative.
fn tests(path: &str, operator: &str, literals: &[String], parsed: &mut Parsed) -> Result<Rows, String> {
    let kind = match property(path) {
        Some(Property::Of(kind)) => kind,
        Some(Property::True) => {
            parsed.note = parsed.note.or(Some("the protocol is not checked"));
            return Ok(vec![Vec::new()]);
        }
        None => return Err(format!("the property {} is not compared", path.chars().take(80).collect::<String>())),
    };
    let mut rows = Vec::new();
    for literal in literals {
        let test = match operator {
            "=" | "IN" => Test::Is(value(kind, literal).map_err(|why| format!("a value of {path}: {why}"))?),
            "ISSUBSET" if kind == Kind::Address => {
                Test::Is(value(kind, literal).map_err(|why| format!("a value of {path}: {why}"))?)
            }
            // A name has no slash.
            "LIKE" if kind == Kind::Name && literal.contains('/') => Test::Matches(Kind::Path, like(literal)),
            "LIKE" => Test::Matches(of_expression(kind), like(literal)),
            "MATCHES" => {
                if kind == Kind::Name && literal.contains('/') {
                    rows.push(vec![Test::Matches(Kind::Path, literal.clone())]);
                }
                Test::Matches(of_expression(kind), literal.clone())
            }
            other => {
                return Err(format!("conditions with {} are not compared", other.chars().take(20).collect::<String>()));
            }
        };
        rows.push(vec![test]);
    }
    Ok(rows)
}

/// Expressions over text are compared with command lines.
fn of_expression(kind: Kind) -> Kind {
    if kind == Kind::Text { Kind::Command } else { kind }
}

fn value(kind: Kind, text: &str) -> Result<Value, &'static str> {
    match kind {
        Kind::Name if text.starts_with('/') => Value::new(Kind::Path, text),
        Kind::Address => Value::new(kind, text).or_else(|why| Value::new(Kind::Domain, text).map_err(|_| why)),
        _ => Value::new(kind, text),
    }
}

/// The expression for `LIKE`: `%` is any text, `_` any character.
fn like(pattern: &str) -> String {
    let mut source = String::from("^");
    for c in pattern.chars() {
        match c {
            '%' => source.push_str(".*"),
            '_' => source.push('.'),
            c => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    if byte.is_ascii_alphanumeric() {
                        source.push(char::from(byte));
                    } else {
                        let _ = write!(source, "\\x{byte:02x}");
                    }
                }
            }
        }
    }
    source.push('$');
    source
}

#[cfg(test)]
mod tests_of_patterns {
    use proptest::prelude::*;

    use super::*;

    fn said(text: &str) -> Vec<String> {
        let shown = |one: &Test| match one {
            Test::Is(value) => format!("{} {}", value.kind.as_str(), value.text),
            Test::Matches(kind, source) => format!("{} ~ {source}", kind.as_str()),
        };
        let row = |row: &Vec<Test>| row.iter().map(shown).collect::<Vec<_>>().join(" & ");
        match parse(text) {
            Err(why) => vec![why],
            Ok(parsed) => {
                let all = parsed.alternatives.iter().map(|parts| parts.iter().map(row).collect::<Vec<_>>().join(" ; "));
                all.chain(parsed.left_out.iter().map(|why| format!("- {why}"))).collect()
            }
        }
    }

    #[test]
    fn patterns_are_alternatives_of_conditions() {
        for (text, wanted) in [
            ("[ipv4-addr:value = '203.0.113.7']", &["address 203.0.113.7"][..]),
            ("[ipv4-addr:value ISSUBSET '203.0.113.0/24']", &["network 203.0.113.0/24"]),
            ("[domain-name:value IN ('a.net', 'b.net')]", &["domain a.net", "domain b.net"]),
            (
                "[file:hashes.'SHA-1' = '0123456789012345678901234567890123456789' AND file:name = 'a\\'b']",
                &["sha1 0123456789012345678901234567890123456789 & name a'b"],
            ),
            (
                "[url:value = 'http://a.net/x' OR (domain-name:value = 'b.net' AND domain-name:value = 'c.net')]",
                &["url http://a.net/x", "domain b.net & domain c.net"],
            ),
            (
                "[network-traffic:dst_ref.value = '203.0.113.7' AND network-traffic:dst_port = 4444 AND network-traffic:protocols[*] = 'tcp']",
                &["address 203.0.113.7 & port 4444"],
            ),
            ("[process:command_line LIKE '%/dev/tcp/%']", &["command ~ ^.*\\x2fdev\\x2ftcp\\x2f.*$"]),
            ("[file:name LIKE '/tmp/%']", &["path ~ ^\\x2ftmp\\x2f.*$"]),
            ("[file:name MATCHES '^/tmp/x']", &["path ~ ^/tmp/x", "name ~ ^/tmp/x"]),
            ("[process:command_line MATCHES '^curl .+\\\\.sh']", &["command ~ ^curl .+\\.sh"]),
            (
                "([domain-name:value = 'a.net'] AND [ipv4-addr:value = '203.0.113.7']) WITHIN 300 SECONDS",
                &["domain a.net ; address 203.0.113.7"],
            ),
            (
                "[domain-name:value = 'a.net'] FOLLOWEDBY [domain-name:value = 'b.net'] OR [domain-name:value = 'c.net']",
                &["domain a.net ; domain b.net", "domain c.net"],
            ),
            ("[directory:path = '/tmp/.x']", &["directory /tmp/.x"]),
            ("[file:name = 'a' AND file:parent_directory_ref.path = '/tmp/.x']", &["path /tmp/.x/a"]),
            ("[file:size > 10 OR file:name = 'x.so']", &["name x.so", "- the property file:size is not compared"]),
            ("[file:name = 'a' AND file:size = 10]", &["- the property file:size is not compared"]),
            ("[domain-name:value != 'a.net']", &["- conditions with NOT or != are not compared"]),
            ("[domain-name:value = 'a", &["the pattern is not valid: a quote is missing"]),
            ("[domain-name:value]", &["the pattern is not valid: an operator is missing"]),
            ("", &["the pattern is not valid: a bracket is missing"]),
        ] {
            assert_eq!(said(text), wanted, "{text}");
        }
    }

    #[test]
    fn patterns_do_not_explode() {
        let or = (0..30).map(|n| format!("domain-name:value = 'a{n}.net'")).collect::<Vec<_>>().join(" OR ");
        let and = vec![format!("({or})"); 6].join(" AND ");
        assert_eq!(said(&format!("[{and}]")), ["the pattern has too many alternatives"]);
        let many = vec!["[domain-name:value = 'a.net']"; 2600].join(" FOLLOWEDBY ");
        assert_eq!(said(&many), ["the pattern has too many conditions that must hold together"]);
        let deep = format!("{}[a:b = 'c']{}", "(".repeat(5_000), ")".repeat(5_000));
        assert_eq!(said(&deep), ["the pattern has too many parentheses in each other"]);
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "[\\[\\]()'=<>! a-z:.,*%0-9-]{0,60}") {
            let _ = parse(&text);
        }
    }
}
