//! Patterns that are many, long or deep: found, or refused with a sentence that names the limit.

use super::{memparse, reference, saved};
use crate::command::run;

fn with_patterns(lines: &str) -> crate::command::Ran {
    let (_home, archive) = saved(&reference().tar());
    let (_other, patterns) = saved(lines.as_bytes());
    run(["memparse", &archive, "--patterns", &patterns, "--count"])
}

#[test]
fn thousands_of_wildcards_cost_no_more_than_bytes() {
    let ran = with_patterns(&format!("hex:{}41\n", "?? ".repeat(200)).repeat(2000));
    assert!(matches!(ran.code, Some(0 | 1)), "{:?} {}", ran.code, ran.err);
    // Bytes with wildcards are found wherever they lie, however far apart.
    let ran = with_patterns(&format!("hex:63 72 79 6f {} 63 72 79 6f\n", "?? ".repeat(4092)));
    assert!(ran.code == Some(0), "{ran:?}");
    let expression = with_patterns("re:.{200}needle\n");
    let bytes = with_patterns(&format!("hex:{}6e 65 65 64 6c 65\n", "?? ".repeat(200)));
    let counts = |ran: &crate::command::Ran| -> Vec<String> {
        ran.out.lines().skip(1).filter_map(|line| line.split_whitespace().last().map(str::to_owned)).collect()
    };
    assert!(!counts(&bytes).is_empty() && counts(&expression) == counts(&bytes), "{expression:?} {bytes:?}");
}

#[test]
fn patterns_that_are_too_large_together_name_the_limit() {
    for lines in [
        format!("re:({}|x)A\n", ".".repeat(200)).repeat(2000),
        "re:(ab|c){1000000}\n".to_owned(),
        format!("{}\n", "x".repeat(17 << 20)),
    ] {
        let ran = with_patterns(&lines);
        assert!(ran.code == Some(2) && ran.err.contains("--max-patterns") && ran.err.len() < 1000, "{ran:?}");
    }
    let raised = memparse(&reference().tar(), &["-s", "needle", "--max-patterns", "3"]);
    assert!(raised.code == Some(2) && raised.err.contains("more than 3 bytes"), "{raised:?}");
}

#[test]
fn thousands_of_literals_are_each_found() {
    let mut lines = (0..5000).map(|n| format!("no such text {n}\n")).collect::<Vec<_>>().concat();
    lines += "needle\nneed\ncryoscope needle 0\n";
    let ran = with_patterns(&lines);
    for (pattern, count) in [("needle", 12), ("need", 12), ("cryoscope needle 0", 3)] {
        let is_it = |line: &&str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words[0] == "1" && words[2..words.len() - 1].join(" ") == pattern
        };
        let line = ran.out.lines().skip(1).find(is_it).unwrap_or_else(|| panic!("{pattern}: {ran:?}"));
        assert!(line.split_whitespace().last().unwrap().parse::<u32>().unwrap() >= count / 4, "{line}");
    }
}

#[test]
fn wildcards_of_names_are_refused_with_a_sentence() {
    let (home, archive) = saved(&reference().tar());
    let deep = format!("{}a{}", "{".repeat(1000), "}".repeat(1000));
    let out = home.path().join("out");
    let out = out.to_str().unwrap();
    let wild = home.path().join(format!("*{deep}")).to_str().unwrap().to_owned();
    for arguments in [
        &["memparse", &archive, "--search", "x", "--path", &deep][..],
        &["memparse", &archive, "--name", &deep],
        &["extract", &archive, "-o", out, "--path", &deep],
        &["show", &wild],
    ] {
        let ran = run(arguments);
        assert!(ran.code == Some(2) && ran.err.contains("more than 32 deep"), "{ran:?}");
    }
    // What is no pattern may be a name.
    assert_eq!(run(["decode", &archive, &deep]).code, Some(2));
}

#[test]
fn context_and_length_have_an_end() {
    for flags in [["--context", "9999999999"], ["--max-match-length", "9999999999"]] {
        let ran = memparse(&reference().tar(), &["-r", "n.*e", flags[0], flags[1]]);
        assert!(ran.code == Some(2) && ran.err.contains(flags[0]), "{ran:?}");
    }
}
