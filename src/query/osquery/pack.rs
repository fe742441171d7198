//! Reads packs of osquery: JSON with osquery's comments and continued lines, or YAML.

use serde::Deserialize as _;
use serde_json::{Map, Value};

/// Most queries of a file.
const QUERIES: usize = 10_000;
/// Most documents of a YAML file.
const DOCUMENTS: usize = 10_000;

/// A pack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pack {
    /// Its name.
    pub name: String,
    /// The platform that it is for, as it says: `linux`, `posix`, `darwin,linux`. Empty for all.
    pub platform: String,
    /// Queries each of which must have a row, or the pack does not run.
    pub discovery: Vec<String>,
    /// Its queries.
    pub queries: Vec<PackQuery>,
}

/// A query of a pack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackQuery {
    /// Its name.
    pub name: String,
    /// The SQL.
    pub sql: String,
    /// What it is for.
    pub description: Option<String>,
    /// The platform that it is for. Empty for all.
    pub platform: String,
}

impl Pack {
    /// The packs of a file. `name` is that of a pack without one. What is scheduled outside of packs is one, too.
    ///
    /// # Errors
    ///
    /// If it is neither JSON nor YAML, or has no queries. The message has a line.
    pub fn read(text: &str, name: &str, is_yaml: bool) -> Result<Vec<Pack>, String> {
        let documents = if is_yaml { yaml(text)? } else { vec![json(text)?] };
        let mut packs = Vec::new();
        // Fleet's documents: each query has one of its own.
        let mut own = Pack { name: name.to_owned(), ..Pack::default() };
        for document in &documents {
            let Value::Object(map) = document else { continue };
            let kind = map.get("kind").and_then(Value::as_str);
            let spec = map.get("spec").and_then(Value::as_object);
            match (kind, spec) {
                (Some("query"), Some(spec)) => own.queries.extend(query(spec, "")),
                // The queries of such a pack are named in it and are documents of their own.
                (Some("pack"), Some(spec)) if spec.get("queries").is_some_and(Value::is_array) => {
                    own.platform = text_of(spec, "platform");
                }
                _ => packs.extend(packs_of(map, name)),
            }
        }
        if !own.queries.is_empty() {
            packs.push(own);
        }
        packs.retain(|pack| !pack.queries.is_empty());
        if packs.is_empty() {
            return Err("it has no queries; a pack is an object with `queries`, each with `query`".to_owned());
        }
        if packs.iter().map(|pack| pack.queries.len()).sum::<usize>() > QUERIES {
            return Err(format!("it has more than {QUERIES} queries"));
        }
        Ok(packs)
    }
}

impl PackQuery {
    /// Whether it is for Linux.
    pub fn is_for_linux(&self) -> bool {
        is_linux(&self.platform)
    }
}

/// Whether a list of platforms has Linux.
pub fn is_linux(platform: &str) -> bool {
    const OTHERS: [&str; 4] = ["darwin", "windows", "freebsd", "chrome"];
    let mut named = platform.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty()).peekable();
    named.peek().is_none() || named.any(|word| !OTHERS.contains(&word.to_ascii_lowercase().as_str()))
}

fn packs_of(map: &Map<String, Value>, name: &str) -> Vec<Pack> {
    let mut packs = Vec::new();
    for key in ["queries", "schedule"] {
        let queries = queries_of(map.get(key));
        if !queries.is_empty() {
            packs.push(pack(map, name, queries));
        }
    }
    for (name, inner) in map.get("packs").and_then(Value::as_object).into_iter().flatten() {
        if let Value::Object(inner) = inner {
            packs.push(pack(inner, name, queries_of(inner.get("queries"))));
        }
    }
    packs
}

fn pack(map: &Map<String, Value>, name: &str, queries: Vec<PackQuery>) -> Pack {
    let discovery = map.get("discovery").and_then(Value::as_array).into_iter().flatten();
    Pack {
        name: map.get("name").and_then(Value::as_str).unwrap_or(name).to_owned(),
        platform: text_of(map, "platform"),
        discovery: discovery.filter_map(Value::as_str).map(str::to_owned).collect(),
        queries,
    }
}

/// Queries by name, or a list of queries that have names.
fn queries_of(value: Option<&Value>) -> Vec<PackQuery> {
    match value {
        Some(Value::Object(map)) => {
            let one = |(name, value): (&String, &Value)| query(value.as_object()?, name);
            map.iter().filter_map(one).collect()
        }
        Some(Value::Array(list)) => list.iter().filter_map(|value| query(value.as_object()?, "")).collect(),
        _ => Vec::new(),
    }
}

fn query(map: &Map<String, Value>, name: &str) -> Option<PackQuery> {
    let sql = map.get("query").and_then(Value::as_str)?;
    let named = map.get("name").and_then(Value::as_str).unwrap_or(name);
    Some(PackQuery {
        name: named.to_owned(),
        sql: sql.to_owned(),
        description: map.get("description").and_then(Value::as_str).map(str::to_owned),
        platform: text_of(map, "platform"),
    })
}

fn text_of(map: &Map<String, Value>, key: &str) -> String {
    map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// JSON as osquery reads it: a line may end in a backslash and go on in the next, and lines that begin with `#` or `//`
/// are comments.
fn json(text: &str) -> Result<Value, String> {
    let mut plain = String::with_capacity(text.len());
    for line in text.trim_start_matches('\u{feff}').lines() {
        let is_comment = line.trim_start().starts_with('#') || line.trim_start().starts_with("//");
        match line.trim_end_matches('\r').strip_suffix('\\') {
            _ if is_comment => plain.push('\n'),
            // The blank keeps words apart. Lines are counted as if there were none.
            Some(line) => plain.extend([line, " "]),
            None => plain.extend([line, "\n"]),
        }
    }
    serde_json::from_str(&plain).map_err(|error| {
        let why = without_place(&error.to_string());
        format!("line {}: {why}; a pack is JSON, or YAML in a file *.yaml", line_of(text, error.line()))
    })
}

/// What a parser says, without the place, which is told in front.
fn without_place(why: &str) -> String {
    why.rsplit_once(" at line ").map_or(why, |(why, _)| why).to_owned()
}

/// The line of a file for a line of the text without continued lines.
fn line_of(text: &str, line: usize) -> usize {
    let mut left = line.saturating_sub(1);
    let mut number = 1_usize;
    for one in text.lines() {
        if left == 0 {
            break;
        }
        number = number.saturating_add(1);
        if !one.trim_end_matches('\r').ends_with('\\') {
            left = left.saturating_sub(1);
        }
    }
    number
}

fn yaml(text: &str) -> Result<Vec<Value>, String> {
    crate::yaml::check(text)?;
    let one = |document| Value::deserialize(document);
    let documents: Result<Vec<Value>, _> =
        serde_norway::Deserializer::from_str(text).take(DOCUMENTS).map(one).collect();
    documents.map_err(|error| match error.location() {
        Some(place) => format!("line {}: {}", place.line(), without_place(&error.to_string())),
        None => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(packs: &[Pack]) -> Vec<String> {
        let of =
            |pack: &Pack| pack.queries.iter().map(|query| format!("{}/{}", pack.name, query.name)).collect::<Vec<_>>();
        packs.iter().flat_map(of).collect()
    }

    #[test]
    fn packs_are_read_in_osquerys_json() {
        let text = "{\n  // a comment\n  # another\n  \"platform\": \"posix\",\n  \"discovery\": [\"select 1\"],\n  \"queries\": {\n    \
                    \"a\": {\"query\": \"select * \\\n      from users;\", \"interval\": \"3600\"},\n    \
                    \"b\": {\"query\": \"select 'http://x';\", \"platform\": \"darwin\", \"description\": \"why\"}\n  }\n}\n";
        let packs = Pack::read(text, "mine", false).unwrap();
        assert_eq!(names(&packs), ["mine/a", "mine/b"]);
        let [pack] = packs.as_slice() else { panic!() };
        assert_eq!((pack.platform.as_str(), pack.discovery.len()), ("posix", 1));
        assert_eq!(pack.queries[0].sql, "select *        from users;");
        assert!(pack.queries[0].is_for_linux() && !pack.queries[1].is_for_linux());
        let whole = r#"{"schedule": {"x": {"query": "select 1"}}, "packs": {"p": {"queries": {"y": {"query": "select 2"}}}, "q": "/etc/q.conf"}}"#;
        assert_eq!(names(&Pack::read(whole, "file", false).unwrap()), ["file/x", "p/y"]);
    }

    #[test]
    fn packs_are_read_in_yaml() {
        let text = "queries:\n  a:\n    query: select 1\n    interval: 60\n";
        assert_eq!(names(&Pack::read(text, "mine", true).unwrap()), ["mine/a"]);
        let fleet = "apiVersion: v1\nkind: pack\nspec:\n  name: p\n  queries:\n  - query: x\n---\napiVersion: v1\nkind: query\n\
                     spec:\n  name: x\n  query: select 1\n";
        assert_eq!(names(&Pack::read(fleet, "mine", true).unwrap()), ["mine/x"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let wrong = "{\n \"queries\": {\n  \"a\": {\"query\": \"select \\\n 1\"}\n  \"b\": 1\n }\n}";
        assert!(
            Pack::read(wrong, "x", false).unwrap_err().starts_with("line 5: "),
            "{:?}",
            Pack::read(wrong, "x", false)
        );
        assert!(Pack::read("a: [", "x", true).unwrap_err().contains("line"));
        let both = [Pack::read(wrong, "x", false), Pack::read("a: [", "x", true)];
        assert!(both.iter().all(|one| !one.as_ref().unwrap_err().contains("column")), "{both:?}");
        assert!(Pack::read("{}", "x", false).unwrap_err().contains("no queries"));
    }

    #[test]
    fn platforms_are_lists() {
        assert!(is_linux("") && is_linux("posix") && is_linux("darwin,linux") && is_linux("ubuntu, centos"));
        assert!(!is_linux("darwin") && !is_linux("windows,darwin"));
    }
}
