//! Loads rules: files and folders that the user names, and our own. What does not load is named, and the rest runs.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::builtin;
use super::engine::Compiler;
use super::include::Sources;
use super::rules::Rules;
use crate::analysis::rule_files::{self, Problems};
use crate::escape::escape;

/// Collects rules and compiles them together.
#[derive(Debug)]
pub struct Loader {
    compiler: Compiler,
    sources: Arc<Mutex<Sources>>,
    problems: Problems,
    /// The file of each namespace, and whether it is one of ours.
    namespaces: HashMap<String, (String, bool)>,
    files: usize,
}

/// Loaded rules.
#[derive(Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The rules. `None` if none loaded.
    pub rules: Option<Rules>,
    /// One line for each file that did not load, or not wholly, with file and line.
    pub problems: Vec<String>,
    /// Number of files that were read.
    pub files: usize,
}

impl Default for Loader {
    fn default() -> Self {
        Loader::new()
    }
}

impl Loader {
    /// Whether this build can run YARA rules.
    pub const EXISTS: bool = Compiler::EXISTS;

    /// A loader without rules.
    pub fn new() -> Self {
        let sources = Arc::new(Mutex::new(Sources::default()));
        let of_includes = Arc::clone(&sources);
        let includes = move |name: &str| of_includes.lock().unwrap_or_else(PoisonError::into_inner).text(name);
        Loader {
            compiler: Compiler::new(includes),
            sources,
            problems: Problems::default(),
            namespaces: HashMap::new(),
            files: 0,
        }
    }

    /// Adds our own rules.
    pub fn builtin(&mut self) {
        for (name, text) in builtin::FILES {
            let namespace = format!("cryoscope:{name}");
            self.namespaces.insert(namespace.clone(), ((*name).to_owned(), true));
            if let Err(why) = self.compiler.add(text, &namespace) {
                self.problems.push(format!("{name}: {why}"));
            }
        }
    }

    /// Adds a file of rules, or all files below a folder whose names end in `.yar` or `.yara`. Each file has a
    /// namespace of its own, named like the file. A file that another one includes is not loaded for itself.
    pub fn path(&mut self, path: &Path) {
        let found = rule_files::find(path, &["yar", "yara"]);
        for (place, why) in &found.problems {
            self.problems.add(place, why);
        }
        let root = found.root;
        let mut numbers = Vec::new();
        for (real, shown) in found.files {
            let number = self.sources().add(real, shown, &root);
            numbers.push(number);
        }
        // Read once before anything is compiled, to know which files are included by others.
        let mut broken: HashSet<usize> = HashSet::new();
        for &number in &numbers {
            if !self.is_readable(number) {
                broken.insert(number);
            }
        }
        let is_included = |sources: &Sources, number: usize| {
            sources
                .get(number)
                .and_then(|source| source.path.as_ref().ok())
                .is_some_and(|path| sources.included.contains(path))
        };
        let (later, first): (Vec<usize>, Vec<usize>) = {
            let sources = self.sources();
            numbers
                .into_iter()
                .filter(|number| !broken.contains(number))
                .partition(|&number| is_included(&sources, number))
        };
        if first.is_empty() {
            // They include each other.
            for number in later {
                self.file(number);
            }
        } else {
            self.files = self.files.saturating_add(later.len());
            for number in first {
                self.file(number);
            }
        }
    }

    /// The compiled rules.
    pub fn finish(self) -> Loaded {
        let rules = self.compiler.finish().map(|(engine, mut infos)| {
            for info in &mut infos {
                if let Some((file, is_builtin)) = self.namespaces.get(&info.namespace) {
                    info.file.clone_from(file);
                    info.is_builtin = *is_builtin;
                }
            }
            Rules::new(engine, infos)
        });
        Loaded { rules, problems: self.problems.finish(), files: self.files }
    }

    fn sources(&self) -> std::sync::MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a file to learn what it includes. What is wrong with it is told.
    fn is_readable(&mut self, number: usize) -> bool {
        let noted = self.sources().note_includes(number);
        if let Err(why) = noted {
            let shown = self.sources().get(number).map(|source| source.shown.clone()).unwrap_or_default();
            self.problems.add(&shown, &why);
            return false;
        }
        true
    }

    fn file(&mut self, number: usize) {
        let Some(source) = self.sources().get(number).cloned() else { return };
        self.files = self.files.saturating_add(1);
        let mut namespace = source.shown.clone();
        while self.namespaces.contains_key(&namespace) {
            namespace.push('+');
        }
        self.namespaces.insert(namespace.clone(), (source.shown.clone(), false));
        if let Err(why) = self.compiler.add(&Sources::stub(number), &namespace) {
            let message = self.readable(&why, &source.shown);
            self.problems.push(message);
        }
    }

    /// A message of the compiler on one line, with the name of the file instead of its number.
    fn readable(&self, why: &str, shown: &str) -> String {
        let line = why.lines().next().unwrap_or_default();
        let numbered = line.strip_prefix('@').and_then(|rest| rest.split_once(':'));
        let of_file = numbered.and_then(|(number, rest)| Some((number.parse::<usize>().ok()?, rest)));
        let sources = self.sources();
        let (file, rest) = match of_file.and_then(|(number, rest)| Some((sources.get(number)?, rest))) {
            Some((source, rest)) => (source.shown.as_str(), rest),
            // The file itself could not be read: the message is about the line that asks for it.
            None => (shown, line.rsplit(": ").next().unwrap_or(line)),
        };
        let rest = rest.replacen(": error:", ":", 1);
        format!("{}:{}", escape(file.as_bytes()), escape(with_paths(&rest, &sources).as_bytes()))
    }
}

/// Replaces the numbers of included files in a message by their names.
fn with_paths(text: &str, sources: &Sources) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('@') {
        out.push_str(before);
        let digits: String = after.chars().take_while(char::is_ascii_digit).take(9).collect();
        let source = digits.parse::<usize>().ok().and_then(|number| sources.get(number));
        match source {
            Some(source) => out.push_str(&source.shown),
            None => out.extend(["@", &digits]),
        }
        rest = after.strip_prefix(digits.as_str()).unwrap_or_default();
    }
    out + rest
}

#[cfg(all(test, feature = "yara"))]
mod tests {
    use std::fs;

    use super::*;

    fn loaded(files: &[(&str, &str)], named: &[&str]) -> Loaded {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut loader = Loader::new();
        for name in named {
            loader.path(&folder.path().join(name));
        }
        let mut done = loader.finish();
        let root = folder.path().display().to_string();
        let real = fs::canonicalize(folder.path()).unwrap().display().to_string();
        for problem in &mut done.problems {
            *problem = problem.replace(&real, "ROOT").replace(&root, "ROOT");
        }
        done
    }

    fn names(loaded: &Loaded) -> Vec<&str> {
        let mut names: Vec<&str> = loaded.rules.iter().flat_map(Rules::infos).map(|rule| rule.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_file_that_does_not_load_is_named_with_its_line_and_the_rest_loads() {
        let loaded = loaded(
            &[
                ("rules/a.yar", "rule a { condition: true }"),
                (
                    "rules/b.yar",
                    "rule before { condition: true }\n\nrule b { condition: unknown }\nrule after { condition: true }",
                ),
                ("rules/c.yara", "rule c {\n condition: "),
                ("rules/d/e.yar", "import \"nothing\"\nrule e { condition: true }"),
                ("rules/read.me", "rule no { condition: true }"),
            ],
            &["rules"],
        );
        assert_eq!(names(&loaded), ["a", "before"]);
        assert_eq!(loaded.problems.len(), 3, "{:?}", loaded.problems);
        assert!(loaded.problems[0].starts_with("ROOT/rules/b.yar:3:"), "{:?}", loaded.problems);
        assert!(loaded.problems[1].starts_with("ROOT/rules/c.yara:2:"), "{:?}", loaded.problems);
        assert!(loaded.problems[2].starts_with("ROOT/rules/d/e.yar:1:"), "{:?}", loaded.problems);
    }

    #[test]
    fn includes_stay_in_the_folder_of_the_rules() {
        let files = [
            ("rules/index.yar", "include \"sub/one.yar\"\nrule main { condition: one and two }"),
            ("rules/sub/one.yar", "include \"../two.yar\"\nrule one { condition: true }"),
            ("rules/two.yar", "rule two { condition: true }"),
            ("secret.yar", "rule secret { condition: true }"),
            ("out/leaves.yar", "rule first { condition: true }\ninclude \"../secret.yar\"\n"),
        ];
        let all = loaded(&files, &["rules"]);
        assert_eq!((names(&all), all.problems.len()), (vec!["main", "one", "two"], 0), "{:?}", all.problems);
        let namespaces: HashSet<&str> =
            all.rules.iter().flat_map(Rules::infos).map(|rule| rule.namespace.as_str()).collect();
        assert_eq!(namespaces.len(), 1, "what is included is in the namespace of the file that includes it");
        let out = loaded(&files, &["out/leaves.yar"]);
        assert_eq!(names(&out), ["first"]);
        assert!(out.problems[0].starts_with("ROOT/out/leaves.yar:2:"), "{:?}", out.problems);
        assert!(out.problems[0].contains("outside of"), "{:?}", out.problems);
    }

    #[test]
    fn includes_end() {
        let loaded = loaded(
            &[
                ("self.yar", "include \"self.yar\"\ninclude \"self.yar\"\nrule own { condition: true }"),
                ("a/a.yar", "include \"b.yar\"\nrule a { condition: true }"),
                ("a/b.yar", "include \"a.yar\"\nrule b { condition: true }"),
            ],
            &["self.yar", "a"],
        );
        assert!(loaded.problems.iter().any(|problem| problem.contains("16 deep")), "{:?}", loaded.problems);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let loaded = loaded(&[], &["nothing.yar"]);
        assert!(loaded.rules.is_none());
        let expected = "ROOT/nothing.yar: no such file or directory; check the path";
        assert!(loaded.problems[0].starts_with(expected), "{:?}", loaded.problems);
    }
}
