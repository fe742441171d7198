//! The commands of `README.md` and `docs/siem.md` print what these say that they print, on a screen of 100 columns.

use std::path::Path;
use std::process::Command;

use crate::command::Ran;

/// Commands and what is below them, of all `console` blocks.
fn examples(readme: &str) -> Vec<(String, String)> {
    let mut examples: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match (line, inside) {
            ("```console", false) => inside = true,
            ("```", true) => inside = false,
            (_, true) => match (line.strip_prefix("$ "), examples.last_mut()) {
                (Some(command), _) => examples.push((command.to_owned(), String::new())),
                (None, Some((_, output))) => output.extend([line, "\n"]),
                (None, None) => panic!("output without a command: {line}"),
            },
            _ => {}
        }
    }
    examples
}

#[test]
fn commands_print_what_the_readme_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples = examples(&std::fs::read_to_string(root.join("README.md")).unwrap());
    assert!(examples.len() >= 7, "a main command, the tests and five examples: {examples:?}");
    assert!(examples.iter().any(|(command, _)| command == "cargo test"), "it says how to run the tests");
    let compared = compare(root, examples);
    assert!(compared >= 6, "{compared} examples");
}

#[test]
fn commands_print_what_the_page_on_siems_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples = examples(&std::fs::read_to_string(root.join("docs/siem.md")).unwrap());
    assert_eq!(compare(root, examples), 1);
}

/// Runs the examples, and tells how many there were to be compared.
fn compare(root: &Path, examples: Vec<(String, String)>) -> usize {
    let mut compared = 0;
    for (command, expected) in examples {
        let Some(arguments) =
            command.strip_prefix("cargo run --release -- ").or_else(|| command.strip_prefix("cryoscope "))
        else {
            assert!(expected.is_empty(), "{command}: nobody compares what it prints");
            continue;
        };
        let mut words: Vec<String> = Vec::new();
        for (i, part) in arguments.split('\'').enumerate() {
            // Between quotes, blanks are part of the word.
            if i % 2 == 1 {
                words.push(part.to_owned());
            } else {
                words.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        let mut run = Command::new(env!("CARGO_BIN_EXE_cryoscope"));
        let ran = Ran::of(run.args(words).args(["--width", "100"]).current_dir(root).output().unwrap());
        assert_eq!((ran.out.as_str(), ran.code), (expected.as_str(), Some(0)), "{command}");
        // Of several archives, how many were read is said on standard error.
        assert!(ran.err.is_empty() || ran.err.ends_with(" read, 0 failed\n"), "{command}: {}", ran.err);
        compared += 1;
    }
    compared
}
