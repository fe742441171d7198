//! Rules that the user brings, in the TOML of gitleaks: an expression, the group that is the secret, the least entropy,
//! keywords, and what is allowed. Expressions are in Go's syntax (RE2), which is close to ours.

use std::collections::HashMap;
use std::ops::Range;

use bstr::ByteSlice;
use regex_automata::Input;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use serde::Deserialize;
use thiserror::Error as ThisError;
use toml::Spanned;

use super::super::Confidence;
use super::detector::Match;
use super::text::{entropy, part};

/// Largest file.
pub(in crate::analysis) const FILE_MOST: usize = 16 << 20;
/// Rules of one file.
const RULES_MOST: usize = 10_000;
/// Bytes of one expression as text, and what one and all compile to.
const SOURCE_MOST: usize = 64 << 10;
const REGEX_MOST: usize = 4 << 20;
const ALL_MOST: usize = 64 << 20;
/// Bytes before and behind a keyword in which the expression is looked for.
const WINDOW: usize = 8 << 10;
/// Bytes of the lazy automaton of one expression.
const CACHE: usize = 256 << 10;
/// Matches of one rule in one window.
const MATCHES: usize = 256;

/// Rules in the format of gitleaks.
#[derive(Debug, Default)]
pub struct UserRules {
    rules: Vec<UserRule>,
    allowed: Vec<Allowed>,
    /// What could not be used, each with its line.
    skipped: Vec<String>,
}

/// A rule.
#[derive(Debug)]
pub(crate) struct UserRule {
    pub(crate) id: String,
    pub(crate) description: Option<String>,
    pub(crate) file: String,
    regex: Regex,
    group: usize,
    entropy: f64,
    keywords: Vec<String>,
    path: Option<Regex>,
    allowed: Vec<Allowed>,
    needs_digit: bool,
    window: usize,
}

/// What is no secret, although a rule matches.
#[derive(Debug)]
struct Allowed {
    all: bool,
    regexes: Vec<Regex>,
    target: Target,
    stopwords: Vec<String>,
    paths: Vec<Regex>,
    rules: Vec<String>,
    /// Whether it has a condition that we cannot check, such as a commit.
    has_more: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Secret,
    Match,
    Line,
}

/// Why a file of rules cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[error("{0}")]
pub struct UserRulesError(String);

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    rules: Vec<Spanned<FileRule>>,
    #[serde(default)]
    allowlist: Option<FileAllowed>,
    #[serde(default)]
    allowlists: Vec<FileAllowed>,
    #[serde(default)]
    extend: Option<Spanned<Extend>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extend {
    #[serde(default)]
    use_default: bool,
    path: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileRule {
    id: Option<String>,
    description: Option<String>,
    regex: Option<Spanned<String>>,
    #[serde(default)]
    secret_group: usize,
    #[serde(default)]
    entropy: f64,
    #[serde(default)]
    keywords: Vec<String>,
    path: Option<Spanned<String>>,
    #[serde(default)]
    allowlist: Option<FileAllowed>,
    #[serde(default)]
    allowlists: Vec<FileAllowed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileAllowed {
    #[serde(default)]
    condition: String,
    #[serde(default)]
    regex_target: String,
    #[serde(default)]
    regexes: Vec<Spanned<String>>,
    #[serde(default)]
    paths: Vec<Spanned<String>>,
    #[serde(default)]
    stopwords: Vec<String>,
    #[serde(default)]
    commits: Vec<String>,
    #[serde(default)]
    target_rules: Vec<String>,
}

/// What reading a file needs on the way.
struct Reader<'t> {
    name: &'t str,
    text: &'t str,
    left: usize,
    skipped: Vec<String>,
}

impl Reader<'_> {
    fn line(&self, span: Range<usize>) -> usize {
        let head = self.text.as_bytes().get(..span.start).unwrap_or_default();
        memchr::memchr_iter(b'\n', head).count().saturating_add(1)
    }

    fn skip(&mut self, span: Range<usize>, what: &str) {
        /// More are only counted.
        const LISTED: usize = 1000;
        let line = self.line(span);
        if self.skipped.len() < LISTED {
            self.skipped.push(format!("{}: line {line}: {what}", self.name));
        }
    }

    /// Compiles an expression, or says why it cannot.
    fn compile(&mut self, source: &Spanned<String>, what: &str) -> Option<Regex> {
        match compiled(source.get_ref()) {
            Ok(regex) if regex.memory_usage() <= self.left => {
                self.left = self.left.saturating_sub(regex.memory_usage());
                Some(regex)
            }
            Ok(_) => {
                self.skip(source.span(), &format!("{what}: all expressions together are too large"));
                None
            }
            Err(why) => {
                self.skip(source.span(), &format!("{what}: {why}"));
                None
            }
        }
    }

    fn allowed(&mut self, file: FileAllowed, what: &str) -> Allowed {
        let compile = |reader: &mut Self, all: &[Spanned<String>]| -> Vec<Regex> {
            all.iter().filter_map(|source| reader.compile(source, &format!("{what}: allowed"))).collect()
        };
        let regexes = compile(self, &file.regexes);
        let paths = compile(self, &file.paths);
        Allowed {
            all: file.condition.eq_ignore_ascii_case("and"),
            regexes,
            target: match file.regex_target.as_str() {
                "match" => Target::Match,
                "line" => Target::Line,
                _ => Target::Secret,
            },
            stopwords: file.stopwords.into_iter().map(|word| word.to_ascii_lowercase()).collect(),
            paths,
            rules: file.target_rules,
            has_more: !file.commits.is_empty(),
        }
    }
}

fn compiled(source: &str) -> Result<Regex, String> {
    if source.len() > SOURCE_MOST {
        return Err(format!("the expression is longer than {SOURCE_MOST} bytes"));
    }
    let build = |unicode: bool, source: &str| {
        let config = Regex::config()
            .utf8_empty(false)
            .nfa_size_limit(Some(REGEX_MOST))
            .onepass(false)
            .hybrid_cache_capacity(CACHE);
        let syntax = syntax::Config::new().unicode(unicode).utf8(false);
        Regex::builder().syntax(syntax).configure(config).build(source).map_err(Box::new)
    };
    // In Go, a brace that begins no repetition stands for itself, and classes such as `\pL` need Unicode.
    let tries = [(false, source.to_owned()), (false, with_plain_braces(source)), (true, source.to_owned())];
    let mut first = None;
    for (unicode, source) in tries {
        match build(unicode, &source) {
            Ok(regex) => return Ok(regex),
            Err(error) => first = first.or(Some(error)),
        }
    }
    let Some(error) = first else { return Err("cannot compile the expression".to_owned()) };
    Err(match error.syntax_error() {
        Some(error) => {
            let error = error.to_string();
            let last = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("not a regular expression: {last}")
        }
        None if error.size_limit().is_some() => {
            format!("the expression compiles to more than {} MiB", REGEX_MOST >> 20)
        }
        None => format!("cannot compile the expression: {error}"),
    })
}

/// Escapes braces that begin no repetition.
fn with_plain_braces(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut chars = source.char_indices();
    // Braces that belong to something, such as `{2,3}`, `\x{7f}` and `\p{L}`, up to this place.
    let mut until = 0;
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            text.push(c);
            let Some((_, next)) = chars.next() else { break };
            text.push(next);
            if let Some(rest) = source.get(at.saturating_add(2)..).filter(|_| matches!(next, 'x' | 'p' | 'P'))
                && rest.starts_with('{')
            {
                until = at.saturating_add(3).saturating_add(rest.find('}').unwrap_or_default());
            }
            continue;
        }
        if c == '{' && at >= until {
            let rest = source.get(at.saturating_add(1)..).unwrap_or_default();
            let inner = rest.split('}').next().unwrap_or_default();
            let mut numbers = inner.splitn(2, ',');
            let first = numbers.next().unwrap_or_default();
            let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            let is_repetition =
                inner.len() < rest.len() && !first.is_empty() && is_number(first) && numbers.all(is_number);
            if is_repetition {
                until = at.saturating_add(2).saturating_add(inner.len());
            } else {
                text.push('\\');
            }
        } else if c == '}' && at >= until {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

impl UserRules {
    /// Reads rules in the format of gitleaks. What cannot be used is listed by [`UserRules::skipped`].
    ///
    /// # Errors
    ///
    /// If it is not such a file, or too large.
    pub fn parse(name: &str, text: &str) -> Result<Self, UserRulesError> {
        if text.len() > FILE_MOST {
            let most = FILE_MOST >> 20;
            return Err(UserRulesError(format!("the file is larger than {most} MiB")));
        }
        let file: File =
            toml::from_str(text).map_err(|error| UserRulesError(super::super::toml_error::told(&error, text)))?;
        if file.rules.len() > RULES_MOST {
            return Err(UserRulesError(format!("the file has more than {RULES_MOST} rules")));
        }
        let mut reader = Reader { name, text, left: ALL_MOST, skipped: Vec::new() };
        if let Some(extend) = &file.extend {
            let inner = extend.get_ref();
            if inner.use_default || inner.path.is_some() {
                reader.skip(extend.span(), "`extend` is not followed; give the other file as well");
            }
        }
        let mut rules = Vec::new();
        for spanned in file.rules {
            let span = spanned.span();
            rules.extend(rule(spanned.into_inner(), &span, &mut reader));
        }
        let all = file.allowlist.into_iter().chain(file.allowlists);
        let allowed = all.map(|one| reader.allowed(one, "allowlist")).collect();
        Ok(UserRules { rules, allowed, skipped: reader.skipped })
    }

    /// Adds the rules of another file.
    pub fn extend(&mut self, other: UserRules) {
        self.rules.extend(other.rules);
        self.allowed.extend(other.allowed);
        self.skipped.extend(other.skipped);
    }

    /// What could not be used, each with the file and the line.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// Number of rules that can be used.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub(crate) fn get(&self, number: usize) -> Option<&UserRule> {
        self.rules.get(number)
    }

    /// Keywords with the numbers of their rules.
    pub(in crate::analysis) fn keywords(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let of = |(number, rule): (usize, &'_ UserRule)| (number, !rule.has_short_keyword());
        let with = move |pair: (usize, &'_ UserRule)| of(pair).1;
        self.rules
            .iter()
            .enumerate()
            .filter(move |(number, rule)| with((*number, *rule)))
            .flat_map(|(number, rule)| rule.keywords.iter().map(move |word| (number, word.as_bytes())))
    }

    /// Rules that must be searched everywhere.
    pub(in crate::analysis) fn without_keywords(&self) -> impl Iterator<Item = usize> {
        self.rules.iter().enumerate().filter(|(_, rule)| rule.has_short_keyword()).map(|(number, _)| number)
    }

    /// Matches of a rule around a keyword at a place.
    pub(in crate::analysis) fn find(
        &self,
        number: usize,
        bytes: &[u8],
        place: usize,
        until: &mut HashMap<usize, usize>,
        out: &mut Vec<Match>,
    ) {
        let Some(rule) = self.rules.get(number) else { return };
        let end = place.saturating_add(rule.window).min(bytes.len());
        let searched = until.get(&number).copied().unwrap_or(0);
        // Keywords near each other share a window.
        if place.saturating_add(rule.window / 2) <= searched {
            return;
        }
        let start = place.saturating_sub(rule.window);
        until.insert(number, end);
        self.matches(rule, bytes, start..end, out);
    }

    /// Matches of a rule in a range.
    pub(in crate::analysis) fn find_all(&self, number: usize, bytes: &[u8], range: Range<usize>, out: &mut Vec<Match>) {
        if let Some(rule) = self.rules.get(number) {
            let end = range.end.saturating_add(rule.window).min(bytes.len());
            self.matches(rule, bytes, range.start..end, out);
        }
    }

    /// Matches of all rules that are a span, whether their keywords are near it or not.
    pub(in crate::analysis) fn matches_at(&self, bytes: &[u8], span: Range<usize>) -> Vec<(usize, Match)> {
        let mut all = Vec::new();
        let mut found = Vec::new();
        for (number, rule) in self.rules.iter().enumerate() {
            self.matches(rule, bytes, span.start..bytes.len(), &mut found);
            all.extend(found.drain(..).filter(|one| one.span == span).map(|one| (number, one)));
        }
        all
    }

    fn matches(&self, rule: &UserRule, bytes: &[u8], range: Range<usize>, out: &mut Vec<Match>) {
        let mut captures = rule.regex.create_captures();
        let mut at = range.start;
        for _ in 0..MATCHES {
            rule.regex.captures(Input::new(bytes).range(at..range.end), &mut captures);
            let Some(whole) = captures.get_match() else { return };
            at = if whole.end() > at { whole.end() } else { at.saturating_add(1) };
            let named = (1..captures.group_len()).find_map(|group| captures.get_group(group).filter(|s| !s.is_empty()));
            let span = if rule.group > 0 { captures.get_group(rule.group) } else { named };
            let span = span.unwrap_or_else(|| whole.span());
            let value = part(bytes, span.start..span.end);
            let is_random = rule.entropy <= 0.0 || entropy(value) > rule.entropy;
            let is_allowed = || {
                let own = rule.allowed.iter();
                let all = self.allowed.iter();
                let of_rule = |one: &&Allowed| one.rules.is_empty() || one.rules.contains(&rule.id);
                own.chain(all.filter(of_rule)).any(|one| one.allows(value, bytes, whole.range(), None))
            };
            let has_digit = !rule.needs_digit || value.iter().any(u8::is_ascii_digit);
            if !value.is_empty() && is_random && has_digit && !is_allowed() {
                let found = Match::of(span.start..span.end).within(whole.range());
                out.push(found.sure(Confidence::Medium));
            }
        }
    }

    /// Whether a value counts that was found in a file with a path, or in memory, which has none.
    pub(crate) fn counts_at(&self, number: usize, path: Option<&[u8]>) -> bool {
        let Some(rule) = self.rules.get(number) else { return false };
        let Some(path) = path else { return rule.path.is_none() };
        let is_wanted = rule.path.as_ref().is_none_or(|regex| regex.is_match(path));
        let is_allowed = |one: &&Allowed| !one.all && one.paths.iter().any(|regex| regex.is_match(path));
        is_wanted
            && !rule.allowed.iter().any(|one| is_allowed(&one))
            && !self.allowed.iter().any(|one| is_allowed(&one))
    }
}

fn rule(file: FileRule, span: &Range<usize>, reader: &mut Reader<'_>) -> Option<UserRule> {
    let id = file.id.filter(|id| !id.is_empty()).unwrap_or_else(|| "unnamed".to_owned());
    let what = format!("rule {id}");
    let Some(source) = &file.regex else {
        reader.skip(span.clone(), &format!("{what}: it has no expression, and names of files are not secrets"));
        return None;
    };
    let regex = reader.compile(source, &what)?;
    let path = match &file.path {
        Some(path) => Some(reader.compile(path, &what)?),
        None => None,
    };
    if file.secret_group >= regex.group_info().group_len(regex_automata::PatternID::ZERO) {
        reader.skip(source.span(), &format!("{what}: the expression has no group {}", file.secret_group));
        return None;
    }
    let hir = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(source.get_ref()).ok();
    let longest = hir.and_then(|hir| hir.properties().maximum_len()).unwrap_or(WINDOW);
    let all = file.allowlist.into_iter().chain(file.allowlists);
    let allowed = all.map(|one| reader.allowed(one, &what)).collect();
    Some(UserRule {
        needs_digit: id.starts_with("generic"),
        id,
        description: file.description,
        file: reader.name.to_owned(),
        regex,
        group: file.secret_group,
        entropy: file.entropy,
        keywords: file.keywords,
        path,
        allowed,
        window: longest.saturating_add(64).min(WINDOW),
    })
}

impl UserRule {
    /// Whether it has no keywords that the filter can find.
    fn has_short_keyword(&self) -> bool {
        self.keywords.is_empty() || self.keywords.iter().any(|word| word.len() < 3)
    }
}

impl Allowed {
    fn allows(&self, value: &[u8], bytes: &[u8], whole: Range<usize>, path: Option<&[u8]>) -> bool {
        let target = match self.target {
            Target::Secret => value,
            Target::Match => part(bytes, whole),
            Target::Line => {
                let head = bytes.get(..whole.start).unwrap_or_default();
                let start = head.rfind_byte(b'\n').map_or(0, |at| at.saturating_add(1));
                let start = start.max(whole.start.saturating_sub(WINDOW));
                let tail = bytes.get(whole.end..).unwrap_or_default();
                let len = tail.iter().take(WINDOW).position(|byte| *byte == b'\n').unwrap_or(WINDOW);
                part(bytes, start..whole.end.saturating_add(len).min(bytes.len()))
            }
        };
        let lower = value.to_ascii_lowercase();
        let by_regex = self.regexes.iter().any(|regex| regex.is_match(target));
        let by_word = self.stopwords.iter().any(|word| lower.contains_str(word));
        let by_path = path.is_some_and(|path| self.paths.iter().any(|regex| regex.is_match(path)));
        if self.all {
            let holds = |is_given: bool, holds: bool| !is_given || holds;
            let is_given = !self.regexes.is_empty() || !self.stopwords.is_empty() || !self.paths.is_empty();
            return is_given
                && !self.has_more
                && holds(!self.regexes.is_empty(), by_regex)
                && holds(!self.stopwords.is_empty(), by_word)
                && holds(!self.paths.is_empty(), by_path);
        }
        by_regex || by_word || by_path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(rules: &str, text: &str) -> Vec<String> {
        let rules = UserRules::parse("rules.toml", rules).unwrap();
        assert!(rules.skipped().is_empty(), "{:?}", rules.skipped());
        let mut found = Vec::new();
        for number in 0..rules.len() {
            rules.find_all(number, text.as_bytes(), 0..text.len(), &mut found);
        }
        found.iter().map(|one| text[one.value.clone()].to_owned()).collect()
    }

    #[test]
    fn groups_entropy_and_allow_lists_are_those_of_gitleaks() {
        let rules = r##"
            title = "rules"
            [[rules]]
            id = "acme"
            regex = '''(?i)acme_(key)?=([a-z0-9]{8})'''
            secretGroup = 2
            entropy = 2.5
            keywords = ["ACME"]
            [[rules.allowlists]]
            stopwords = ["abcd"]
            regexTarget = "line"
            regexes = ["# example"]
        "##;
        let text = "acme_key=k3j9x0q2\nACME_=aaaaaaaa\nacme_=abcd1234\nacme_=z9y8x7w6 # example\n";
        assert_eq!(values(rules, text), ["k3j9x0q2"]);
    }

    #[test]
    fn a_match_is_read_again_without_its_keyword() {
        let rules = "[[rules]]\nid = \"a\"\nregex = \"k3[0-9a-z]{6}\"\nkeywords = [\"ACME\"]\n";
        let engine = super::super::engine::Engine::new(UserRules::parse("rules.toml", rules).unwrap());
        let of = |text: &str, span: Range<usize>| {
            let hits = engine.again(text.as_bytes(), span, false);
            hits.into_iter().map(|hit| String::from_utf8(hit.value).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(of("far away k3j9x0q2 k3j9x0q3", 9..17), ["k3j9x0q2"]);
        assert!(of("far away k3j9x0q2", 0..8).is_empty());
    }

    #[test]
    fn what_cannot_be_used_is_listed_with_its_line() {
        let text = "[[rules]]\nid = \"a\"\nregex = '''a(?=b)'''\n\n[[rules]]\nid = \"b\"\nregex = '''(((((a{1000}){1000}){1000}'''\n\
                    [[rules]]\nid = \"c\"\npath = '''x'''\n";
        let rules = UserRules::parse("r.toml", text).unwrap();
        assert!(rules.is_empty());
        let skipped = rules.skipped().join("\n");
        assert!(skipped.contains("r.toml: line 3: rule a: not a regular expression"), "{skipped}");
        assert!(skipped.contains("line 7: rule b") && skipped.contains("line 8: rule c"), "{skipped}");
        let large = "[[rules]]\nid = \"d\"\nregex = '''((a{1000}){1000}){1000}'''\n";
        let large = UserRules::parse("r.toml", large).unwrap();
        assert!(large.skipped().join("").contains("compiles to more than"), "{:?}", large.skipped());
        let braces = "[[rules]]\nid = \"e\"\nregex = '''\\${[^}]+}|x{2,3}\\x{41}'''\n";
        assert_eq!(UserRules::parse("r.toml", braces).unwrap().len(), 1);
        assert_eq!(with_plain_braces("${a}b{2}\\x{41}"), "$\\{a\\}b{2}\\x{41}");
        assert!(UserRules::parse("r.toml", "[[rules]").unwrap_err().to_string().contains("line 1"));
    }
}
