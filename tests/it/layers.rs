//! The layers of `src/`: a layer uses only those before it, and modules of one folder do not use each other in circles.
//!
//! The sources are read as text: `use` trees and paths that begin with `crate`, `super` or `cryoscope`, outside of unit
//! tests. A name that a module only passes on counts as the module that defines it. What a folder's own `mod.rs` and the
//! files in the folder have of each other does not count: a folder is one thing to those outside.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Layers, from the bottom to the top. Modules of one line may use each other, but not in circles.
const LAYERS: &[&[&str]] = &[
    &["abi", "elf", "error", "escape", "int", "json", "limits", "warning", "yaml"],
    &["archive"],
    &["root_image"],
    &["images"],
    &["model"],
    &["memory"],
    &["recovered"],
    &["checkpoint"],
    &["tables"],
    &["timeline"],
    &["analysis"],
    &["catalog"],
    &["formats"],
    &["checkpointctl", "elfcore", "extract", "proc_view", "query"],
    &["cli"],
];

/// What may be used although it is a layer above, or closes a circle: who, whom, and why.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("analysis/card", "analysis/facts", "a rule is a card with a function of facts"),
    ("analysis/card", "analysis/report", "that function has a report to write to"),
    ("analysis/verdict", "analysis/scan", "the verdict is that of a scan"),
    ("formats/document", "formats/origin", "a document names the checkpoint that it is from"),
    ("formats/encoder", "formats/parquet", "an encoded row of Parquet is its cells"),
    ("formats/format", "formats/encoder", "a format makes encoded rows, and the encoder tells it of each row"),
    ("formats/origin", "formats/bulk", "an origin carries the options of the documents of its checkpoint"),
    ("formats/origin", "formats/json", "the hash of an id is that of the JSON of its values"),
    ("formats/style", "formats/format", "a style names its format"),
    ("formats/text", "formats/json", "a JSON value looks the same to people"),
];

type Module = Vec<String>;

#[test]
fn a_layer_uses_only_those_before_it() {
    let rank = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    let mut wrong = Vec::new();
    for (from, to) in Sources::read().uses_within(&[]) {
        let known = |name: &str| rank(name).unwrap_or_else(|| panic!("{name} belongs to no layer: add it to LAYERS"));
        if known(&to) > known(&from) && !is_allowed(&from, &to) {
            wrong.push(format!("{from} uses {to}, which is a layer above it"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn modules_of_a_folder_do_not_use_each_other_in_circles() {
    let sources = Sources::read();
    let mut circles = Vec::new();
    for folder in sources.folders() {
        let mut uses = sources.uses_within(&folder);
        uses.retain(|(from, to)| !is_allowed(&name_of(&folder, from), &name_of(&folder, to)));
        for circle in circles_of(&uses) {
            let within = uses.iter().filter(|(a, b)| circle.contains(&a.as_str()) && circle.contains(&b.as_str()));
            let within: Vec<String> = within.map(|(a, b)| format!("{a} uses {b}")).collect();
            circles.push(format!("src/{}: {}", folder.join("/"), within.join(", ")));
        }
    }
    assert!(circles.is_empty(), "{} circles: {circles:#?}", circles.len());
}

#[test]
fn what_is_allowed_is_still_needed() {
    let sources = Sources::read();
    for (from, to, why) in ALLOWED {
        let folder: Module = from.split('/').map(str::to_owned).collect();
        let (last, folder) = folder.split_last().unwrap();
        let to = to.rsplit('/').next().unwrap();
        let uses = sources.uses_within(folder);
        assert!(
            uses.contains(&(last.clone(), to.to_owned())),
            "{from} does not use {to} any more ({why}): take it out"
        );
    }
}

#[test]
fn circles_and_uses_are_found() {
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let chain: BTreeSet<_> = pairs(&[("a", "b"), ("b", "c")]);
    assert!(circles_of(&chain).is_empty());
    let round: BTreeSet<_> = pairs(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]);
    assert_eq!(circles_of(&round), [["a", "b", "c"]]);

    let file = |path: &str, text: &str| (path.split('/').map(str::to_owned).collect(), text.to_owned());
    let sources = Sources::of([
        file("one", "use super::two::{self, deep::Thing};\n// use super::three::No;\nfn f() { \"crate::three\"; }"),
        file("two", "mod deep; pub use deep::Thing;\n#[cfg(test)] mod tests { use crate::one; }"),
        file("two/deep", "fn f<'a>(c: char) { '\"'; crate::three::g(super::Thing) }"),
        file("three", "mod inner { use super::super::one; }"),
        file("four", "use super::two::Thing; pub(in crate::three) fn f() {}"),
    ]);
    let expected: BTreeSet<_> = pairs(&[("one", "two"), ("two", "three"), ("three", "one"), ("four", "two")]);
    assert_eq!(sources.uses_within(&[]), expected);
    assert_eq!(circles_of(&expected), [["one", "three", "two"]]);
}

fn name_of(folder: &[String], name: &str) -> String {
    [folder, &[name.to_owned()]].concat().join("/")
}

fn is_allowed(from: &str, to: &str) -> bool {
    ALLOWED.iter().any(|(a, b, _)| (*a, *b) == (from, to))
}

/// The groups of names each of which leads to each other of its group.
fn circles_of(uses: &BTreeSet<(String, String)>) -> Vec<Vec<&str>> {
    let reach = |from: &str| {
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(here) = waiting.pop() {
            let next = uses.iter().filter(|(a, _)| *a == here).map(|(_, b)| b.clone());
            waiting.extend(next.filter(|b| seen.insert(b.clone())));
        }
        seen
    };
    let names: BTreeSet<&str> = uses.iter().flat_map(|(a, b)| [a.as_str(), b.as_str()]).collect();
    let reached: BTreeMap<&str, BTreeSet<String>> = names.iter().map(|name| (*name, reach(name))).collect();
    let mut circles: Vec<Vec<&str>> = Vec::new();
    for name in names {
        let with: Vec<&str> =
            reached.keys().copied().filter(|b| reached[name].contains(*b) && reached[b].contains(name)).collect();
        if with.len() > 1 && !circles.contains(&with) {
            circles.push(with);
        }
    }
    circles
}

/// The modules of the crate, and the paths that each of them names.
struct Sources {
    paths: BTreeMap<Module, Vec<Named>>,
}

/// A path that a module names, from the root of the crate on, and the name that it gives to what is there.
struct Named {
    path: Vec<String>,
    name: Option<String>,
}

impl Sources {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        find(&root, &mut Vec::new(), &mut files);
        assert!(files.len() > 100, "the sources are not there");
        Sources::of(files)
    }

    fn of(files: impl IntoIterator<Item = (Module, String)>) -> Self {
        Sources { paths: files.into_iter().map(|(module, text)| (module.clone(), paths_in(&module, &text))).collect() }
    }

    /// The folders with modules in them.
    fn folders(&self) -> BTreeSet<Module> {
        self.paths.keys().filter_map(|module| Some(module.split_last()?.1.to_vec())).collect()
    }

    /// Which children of a folder use which others.
    fn uses_within(&self, folder: &[String]) -> BTreeSet<(String, String)> {
        let mut uses = BTreeSet::new();
        for (from, paths) in &self.paths {
            let Some(child) = from.strip_prefix(folder).and_then(|rest| rest.first()) else { continue };
            for named in paths {
                let target = self.module_of(&named.path, 0);
                let other = target.as_deref().and_then(|target| target.strip_prefix(folder)?.first());
                uses.extend(other.filter(|other| *other != child).map(|other| (child.clone(), other.clone())));
            }
        }
        uses
    }

    /// The module that defines what a path names; `None` if it is in another crate.
    fn module_of(&self, path: &[String], passed: usize) -> Option<Module> {
        let depth = (0..=path.len()).rev().find(|&depth| depth == 0 || self.paths.contains_key(&path[..depth]))?;
        let (module, rest) = path.split_at(depth);
        if module.is_empty() && rest.is_empty() {
            return None;
        }
        // What is passed on has the place where it is defined.
        if let Some((name, more)) = rest.split_first().filter(|_| passed < 8) {
            let passed_on =
                self.paths.get(module).into_iter().flatten().find(|named| named.name.as_ref() == Some(name));
            if let Some(named) = passed_on.filter(|named| named.path != path) {
                return self.module_of(&[named.path.as_slice(), more].concat(), passed + 1);
            }
        }
        (!module.is_empty()).then(|| module.to_vec())
    }
}

/// Finds the modules in a folder. Those of the command lie below `cli`.
fn find(folder: &Path, module: &mut Module, files: &mut Vec<(Module, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            module.push(name);
            find(&path, module, files);
            module.pop();
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "main" {
            let is_root = matches!(name.as_str(), "mod" | "lib");
            let own = if is_root { module.clone() } else { [module.as_slice(), &[name]].concat() };
            files.push((own, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The paths that the text of a module names, in `use` and elsewhere.
fn paths_in(module: &[String], text: &str) -> Vec<Named> {
    let tokens = tokens_of(text);
    let mut named = Vec::new();
    // Modules in the file itself, each with the depth of braces at which it ends.
    let (mut inner, mut depth): (Vec<(String, usize)>, usize) = (Vec::new(), 0);
    let mut at = 0;
    while at < tokens.len() {
        let token = tokens[at].as_str();
        let is_path = tokens.get(at + 1).is_some_and(|next| next == "::") && (at == 0 || tokens[at - 1] != "::");
        match token {
            "mod" if tokens.get(at + 2).is_some_and(|brace| brace == "{") => {
                inner.push((tokens[at + 1].clone(), depth));
                at += 1;
            }
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inner.retain(|(_, ends)| *ends < depth);
            }
            _ if inner.iter().any(|(name, _)| name == "tests") => {}
            // Not the `use<'a>` of a type.
            "use" if tokens[at + 1] != "<" => {
                let here = here(module, &inner);
                let mut leaves = Vec::new();
                at = use_tree(&tokens, at + 1, &[], &mut leaves);
                named.extend(leaves.into_iter().map(|(path, name)| Named { path: absolute(&here, &path), name }));
            }
            "crate" if at >= 3 && tokens[at - 1] == "in" && tokens[at - 2] == "(" => {}
            "crate" | "super" | "self" | "cryoscope" if is_path => {
                let mut path = vec![token.to_owned()];
                while tokens.get(at + 1).is_some_and(|next| next == "::")
                    && tokens.get(at + 2).is_some_and(|next| is_name(next))
                {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                named.push(Named { path: absolute(&here(module, &inner), &path), name: None });
            }
            _ => {}
        }
        at += 1;
    }
    named
}

fn here(module: &[String], inner: &[(String, usize)]) -> Module {
    module.iter().cloned().chain(inner.iter().map(|(name, _)| name.clone())).collect()
}

/// Reads a tree of `use` from a token on; returns the place of the token behind it.
fn use_tree(
    tokens: &[String],
    mut at: usize,
    before: &[String],
    leaves: &mut Vec<(Vec<String>, Option<String>)>,
) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens[at].as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens[at] != "}" {
                    at = use_tree(tokens, at, &path, leaves);
                    at += usize::from(tokens[at] == ",");
                }
                return at + 1;
            }
            "as" => {
                leaves.push((path, Some(tokens[at + 1].clone())));
                return at + 2;
            }
            "," | ";" | "}" => {
                let name = path.last().cloned();
                leaves.push((path, name));
                return at;
            }
            "*" => {
                leaves.push((path, None));
                return at + 1;
            }
            "self" if !path.is_empty() => at += 1,
            name => {
                path.push(name.to_owned());
                at += 1;
            }
        }
    }
}

/// A path from the root of the crate on.
fn absolute(here: &[String], path: &[String]) -> Vec<String> {
    let mut whole = match path.first().map(String::as_str) {
        Some("crate" | "cryoscope") => Vec::new(),
        _ => here.to_vec(),
    };
    for part in path {
        match part.as_str() {
            "crate" | "cryoscope" | "self" => {}
            "super" => drop(whole.pop()),
            name => whole.push(name.to_owned()),
        }
    }
    whole
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The tokens of a text that matter here: names, `::`, and single signs; comments and texts are none.
fn tokens_of(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(len) = raw_string(rest) {
            len
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' {
            // A lifetime has no second quote behind its first letter.
            let second = rest.char_indices().nth(2);
            if rest[1..].starts_with('\\') || second.is_some_and(|(_, c)| c == '\'') { quoted(rest, '\'') } else { 1 }
        } else if is_name(rest) {
            let len = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..len].to_owned());
            len
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[len..];
    }
    tokens
}

/// The length of a text in quotes.
fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a raw text `r"…"`, `r#"…"#`, if one begins here.
fn raw_string(text: &str) -> Option<usize> {
    let raw = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let begin = raw.find(|c| c != '#')?;
    let (hashes, body) = raw.split_at(begin);
    let body = body.strip_prefix('"')?;
    let end = format!("\"{hashes}");
    Some(text.len() - body.len() + body.find(&end).map_or(body.len(), |at| at + end.len()))
}
