//! `cryoscope query`: the questions of `docs/queries.md` and `docs/persistence.md`, refused queries, and values that are hard to
//! carry.

use std::path::Path;
use std::process::Command;

use cryoscope::Options;
use cryoscope::memory::Keep;
use serde_json::{Value, json};

use crate::command::{Ran, run, run_with};
use crate::fixtures;

const WEBAPP: &str = "webapp-compromise/webapp-compromise.tar.zst";

/// The answer of a query to a fixture, as a program reads it.
fn answer(fixture: &str, sql: &str) -> Vec<Value> {
    let path = fixtures::path(fixture);
    let ran = run(["query", path.to_str().unwrap(), sql, "--format", "ndjson"]);
    if ran.code == Some(1) {
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "cryoscope: no rows\n"), "{sql}");
        return Vec::new();
    }
    ran.ok().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a query that is wrong comes to.
fn refusal(sql: &str) -> String {
    let ran = run(["query", "/nowhere/at/all.tar", sql]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{sql}: {}", ran.err);
    ran.err
}

/// A question of the document: the arguments, and what is below them.
struct Question {
    arguments: Vec<String>,
    /// The lines of the answer, by number.
    answer: std::ops::Range<usize>,
}

fn questions(lines: &[&str]) -> Vec<Question> {
    let mut questions = Vec::new();
    for (start, first) in lines.iter().enumerate() {
        let Some(first) = first.strip_prefix("$ cryoscope ") else { continue };
        let is_end = |line: &&str| line.matches('"').count() - line.matches("\\\"").count() == 1;
        let length = lines[start + 1..].iter().position(is_end).unwrap() + 1;
        let text = std::iter::once(&first).chain(&lines[start + 1..=start + length]).copied().collect::<Vec<_>>();
        let text = text.join("\n").replace("\\\"", "\u{0}");
        let mut arguments = Vec::new();
        for (number, part) in text.split('"').enumerate() {
            if number == 1 {
                arguments.push(part.replace('\u{0}', "\""));
            } else {
                arguments.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        let begin = start + length + 1;
        let end = begin + lines[begin..].iter().position(|line| *line == "```").unwrap();
        questions.push(Question { arguments, answer: begin..end });
    }
    questions
}

/// `UPDATE_DOCS=1 cargo test --test it query` rewrites the answers.
#[test]
fn questions_of_the_documents_have_their_answers() {
    for (page, least) in [("docs/queries.md", 12), ("docs/persistence.md", 1)] {
        answers_hold(page, least);
    }
}

/// Compares the answers in a page, which has at least so many questions, with those of the command.
fn answers_hold(page: &str, least: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join(page);
    let document = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = document.lines().collect();
    let questions = questions(&lines);
    assert!(questions.len() >= least, "{page}: {} questions", questions.len());
    let mut written = String::new();
    let mut done = 0;
    for Question { arguments, answer } in questions {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cryoscope"));
        let ran = Ran::of(command.args(&arguments).args(["--width", "120"]).current_dir(root).output().unwrap()).ok();
        assert!(!ran.is_empty(), "{arguments:?} has no answer");
        for line in &lines[done..answer.start] {
            written.push_str(line);
            written.push('\n');
        }
        written.push_str(&ran);
        done = answer.end;
    }
    for line in &lines[done..] {
        written.push_str(line);
        written.push('\n');
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &written).unwrap();
    } else {
        assert_eq!(document, written, "{page}: UPDATE_DOCS=1 cargo test --test it query rewrites the answers");
    }
}

#[test]
fn a_wrong_query_fails_before_anything_is_read() {
    let message = |sql: &str| refusal(sql).trim_start_matches("cryoscope: ").trim_end().to_owned();
    assert_eq!(
        message("SELECT * FROM\nproceses"),
        "line 2, column 1: no such table: proceses; did you mean processes?"
    );
    assert_eq!(
        message("SELECT remote_addres FROM process_open_sockets"),
        "line 1, column 8: no such column: remote_addres; did you mean remote_address?"
    );
    assert_eq!(message("SELECT pid processes WHERE"), "line 1, column 27: incomplete input");
    for (sql, expected) in [
        ("SELECT pid FORM processes", "line 1, column 17: near \"processes\": syntax error; did you mean FROM?"),
        ("SELEC pid FROM processes", "line 1, column 1: near \"SELEC\": syntax error; did you mean SELECT?"),
        (
            "SELECT pid\nFROM processes\nWHRE pid = 1",
            "line 3, column 6: near \"pid\": syntax error; did you mean WHERE?",
        ),
        ("SELECT pid FROM processes GROPU BY pid", "line 1, column 33: near \"BY\": syntax error; did you mean GROUP?"),
        ("SELECT pid, FROM processes", "line 1, column 13: near \"FROM\": syntax error"),
        (
            "SELECT remote_port FROM processes",
            "line 1, column 8: no such column: remote_port; it is a column of process_open_sockets, tcp_connections and other tables",
        ),
        (
            "SELECT size FROM processes",
            "line 1, column 8: no such column: size; it is a column of process_open_files, ipc and other tables",
        ),
        (
            "SELECT pid FROM processes JOIN threads USING (archive) WHERE 1",
            "line 1, column 8: ambiguous column name: pid; write its table before it, or the alias of the table: `TABLE.pid`",
        ),
        ("SELECT substr() FROM processes", "line 1, column 8: wrong number of arguments to function substr()"),
        ("SELECT (SELECT pid, name FROM processes)", "sub-select returns 2 columns - expected 1"),
        ("", "there is no query; write one after the archives, or on standard input"),
        ("  \n", "there is no query; write one after the archives, or on standard input"),
    ] {
        assert_eq!(message(sql), expected, "{sql}");
    }
    assert_eq!(message("SELECT 1; SELECT 2"), "more than one query; give one at a time");
    assert!(message("SELECT pid FROM processes").contains("no such file or directory"), "now the archive is missed");
}

#[test]
fn nothing_outside_the_tables_is_reached() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("x.db");
    for sql in [
        format!("ATTACH '{}' AS x", file.display()),
        format!("VACUUM INTO '{}'", file.display()),
        format!("ATTACH 'file:{}?mode=rwc' AS x", file.display()),
        format!("PRAGMA temp_store_directory = '{}'", home.path().display()),
        "PRAGMA database_list(1 )".to_owned(),
        "SELECT * FROM pragma_compile_options".to_owned(),
        "SELECT load_extension('libc.so.6')".to_owned(),
        "INSERT INTO processes (pid) VALUES (1)".to_owned(),
        "DELETE FROM processes".to_owned(),
        "DROP TABLE processes".to_owned(),
        "CREATE TEMP TABLE x (y)".to_owned(),
    ] {
        let said = refusal(&sql);
        assert!(said.contains(" is not allowed: a query can only read the tables of archives"), "{sql}: {said}");
    }
    assert!(refusal("SELECT readfile('/etc/passwd')").contains("no such function: readfile"));
    assert!(!file.exists(), "no file was made");
}

#[test]
fn endless_queries_are_stopped() {
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0";
    let archive = fixtures::path(WEBAPP);
    let ran = run(["query", archive.to_str().unwrap(), sql, "--timeout", "0.2"]);
    let message =
        "cryoscope: the query was stopped after 0.2 seconds; ask for less, or allow more time with --timeout\n";
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(2), "", message));
    let ran = run(["query", archive.to_str().unwrap(), "SELECT 1", "--timeout", "soon"]);
    assert_eq!(ran.code, Some(2));
}

#[test]
fn half_an_answer_gets_no_name() {
    let home = tempfile::tempdir().unwrap();
    let (archive, file) = (fixtures::path(WEBAPP), home.path().join("out.csv"));
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let (archive, out) = (archive.to_str().unwrap(), file.to_str().unwrap());
    let ran = run(["query", archive, sql, "--timeout", "0.2", "--format", "csv", "-o", out]);
    assert_eq!((ran.code, file.exists()), (Some(2), false), "{}", ran.err);
    let ran = run(["query", archive, "SELECT count(*) FROM processes", "--format", "csv", "-o", out]);
    assert_eq!((ran.code, std::fs::read_to_string(&file).unwrap().as_str()), (Some(0), "count(*)\n14\n"));
}

#[test]
fn values_come_out_as_they_went_in() {
    let rows = answer(
        WEBAPP,
        "SELECT 18446744073709551615 AS fraction, '18446744073709551615' AS text, x'ff41' AS bytes, NULL AS none,
         -9223372036854775808 AS least, 0.5 AS half, 'a' || char(0, 10, 27) || '</script>' AS odd, '=cmd' AS cmd,
         length(replace(hex(zeroblob(1 << 20)), '00', 'ab')) AS long, 1 AS pid, 2 AS pid",
    );
    let expected = json!({
        "fraction": 1.844_674_407_370_955_2e19, "text": "18446744073709551615", "bytes": "\u{fffd}A", "bytes_hex": "ff41",
        "none": null, "least": i64::MIN, "half": 0.5, "odd": "a\u{0}\n\u{1b}</script>", "cmd": "=cmd", "long": 2 << 20,
        "pid": 1, "pid_2": 2,
    });
    assert_eq!(rows, [expected]);
    let long = answer(WEBAPP, "SELECT replace(hex(zeroblob(1 << 20)), '00', 'ab') AS long");
    assert_eq!(long[0]["long"], "ab".repeat(1 << 20));
}

/// Every value of every table is what the table itself shows.
/// Tables whose rows are what rules found.
const OF_RULES: [&str; 5] = ["findings", "evidence", "rule_coverage", "secrets", "secret_rotation"];

#[test]
fn rows_are_those_of_the_tables() {
    let names: Vec<&str> = cryoscope::catalog::all().map(|source| &*source.table.name).collect();
    let mut odd = 0;
    for case in [WEBAPP, "files/files.tar.zst", "files-more/files-more.tar.zst", "sockets-unix/sockets-unix.tar.zst"] {
        let path = fixtures::path(case);
        let checkpoints = Options::new().keep(Keep::Everything).open(&path).unwrap();
        // One archive is enough for the tables of the rules: each statement is a scan of its own.
        let names = || names.iter().filter(|name| case == WEBAPP || !OF_RULES.contains(name)).copied();
        let expected = fixtures::rows_of(&checkpoints[0], &names().collect::<Vec<_>>());
        // Tables without rows are asked about together: each statement reads the archive again.
        let (empty, full): (Vec<&str>, Vec<&str>) = names().partition(|name| expected[*name].is_empty());
        let counts: Vec<String> =
            empty.iter().map(|name| format!("SELECT '{name}' AS name, count(*) AS rows FROM {name}")).collect();
        let counted = answer(case, &counts.join(" UNION ALL "));
        assert_eq!(counted.len(), empty.len(), "{case}");
        let wrong: Vec<&Value> = counted.iter().filter(|row| row["rows"] != 0).collect();
        assert_eq!(wrong, Vec::<&Value>::new(), "{case}");
        for name in full {
            let rows = answer(case, &format!("SELECT * FROM {name}"));
            assert_eq!(rows.len(), expected[name].len(), "{case} {name}");
            for (row, expected) in rows.iter().zip(&expected[name]) {
                compare(row, expected, &format!("{case} {name}"));
                odd += expected.as_object().unwrap().iter().filter(|(key, _)| key.ends_with("_hex")).count();
            }
        }
    }
    assert!(odd > 0, "some bytes are not UTF-8");
}

fn compare(row: &Value, expected: &Value, at: &str) {
    // The command keeps less of a compressed archive's memory, so that rules may look at less.
    let of_keeping = ["table", "looked_at", "not_checked", "reasons"];
    for (key, expected) in expected.as_object().unwrap().iter().filter(|(key, _)| !of_keeping.contains(&key.as_str())) {
        let found = &row[key];
        match expected {
            Value::Bool(on) => assert_eq!(*found, json!(u8::from(*on)), "{at} {key}"),
            // The key of these hashes is another in each run.
            Value::String(text) if text.starts_with("keyed:") => assert!(found.as_str().unwrap().starts_with("keyed:")),
            // Items that are not UTF-8 are objects there.
            Value::Array(_) if row.get(format!("{key}_hex")).is_none() && found.as_str().unwrap().contains("_hex") => {}
            Value::Array(_) | Value::Object(_) => {
                let parsed: Value = serde_json::from_str(found.as_str().unwrap()).unwrap();
                assert_eq!(parsed, *expected, "{at} {key}");
            }
            Value::Number(number) if number.as_i64().is_none() => assert_eq!(*found, number.to_string(), "{at} {key}"),
            _ if key.ends_with("_hex") && expected.is_array() => {}
            _ => assert_eq!(found, expected, "{at} {key}"),
        }
    }
}

#[test]
fn a_query_may_come_from_standard_input() {
    let archive = fixtures::path(WEBAPP);
    let asked = run_with(b"SELECT count(*) AS n\nFROM processes;\n", ["query", archive.to_str().unwrap()]).ok();
    assert_eq!(asked, " N\n14\n");
    let ran = run_with(b"", ["query", archive.to_str().unwrap()]);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (Some(2), "cryoscope: there is no query; write one after the archives, or on standard input\n")
    );
    let ran = run_with(b".tables\n", ["query", archive.to_str().unwrap()]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.starts_with("cryoscope: .tables is for the prompt") && ran.err.contains("schema"), "{}", ran.err);
    let ran = run_with(b"SELECT 1", ["query", "-"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    let bytes = std::fs::read(&archive).unwrap();
    let of_stream =
        run_with(&bytes, ["query", "-", "SELECT path, sha256 FROM recovered_files", "--format", "csv"]).ok();
    let of_file =
        run(["query", archive.to_str().unwrap(), "SELECT path, sha256 FROM recovered_files", "--format", "csv"]);
    assert_eq!(of_stream.replace(&archive.display().to_string(), ""), of_file.ok(), "what is asked for was kept");
}

#[test]
fn several_archives_are_one_database() {
    let names = ["tree/tree.tar.zst", "malformed/elf", WEBAPP];
    let paths: Vec<String> = names.iter().map(|name| fixtures::path(name).display().to_string()).collect();
    let sql = "SELECT archive, count(*) AS n FROM processes GROUP BY archive ORDER BY archive";
    let arguments = || ["query"].into_iter().chain(paths.iter().map(String::as_str)).chain([sql, "--format", "ndjson"]);
    let ran = run(arguments());
    assert_eq!(ran.code, Some(3), "one of three cannot be read");
    assert!(ran.err.contains("this is an ELF file"), "{}", ran.err);
    let archives: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["archive"].take()).collect();
    assert_eq!(archives, [json!(paths[0]), json!(paths[2])]);
    for threads in ["1", "4"] {
        assert_eq!(run(arguments().chain(["--threads", threads])).out, ran.out, "the same with {threads} threads");
    }
}

#[test]
fn checkpoints_of_one_archive_are_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let mut builder = tar::Builder::new(std::fs::File::create(home.path().join("two.tar")).unwrap());
    let members = crate::archives::Members::of(&fixtures::path("forms-bare/runc-images.tar"));
    for folder in ["one", "two"] {
        for member in &members.0 {
            let mut header = tar::Header::new_gnu();
            header.set_size(member.contents.len().try_into().unwrap());
            let name = format!("{folder}/{}", member.name);
            builder.append_data(&mut header, name, member.contents.as_slice()).unwrap();
        }
    }
    builder.into_inner().unwrap();
    let path = home.path().join("two.tar");
    let sql = "SELECT archive, \"set\", count(*) FROM processes GROUP BY archive, \"set\"";
    let out = run(["query", path.to_str().unwrap(), sql, "--format", "csv"]).ok();
    let name = path.display();
    assert_eq!(out, format!("archive,set,count(*)\n{name},one,2\n{name},two,2\n"));
}

/// The engine hears no clock inside one function.
#[test]
fn a_query_ends_in_its_time_inside_one_function() {
    let path = fixtures::path("forms-reference/podman-runc.tar");
    for sql in [
        "SELECT instr(hex(zeroblob(4000000)), hex(zeroblob(2000000)) || '1')",
        "SELECT length(replace(hex(zeroblob(4000000)), hex(zeroblob(2000000)) || '1', 'x'))",
        "SELECT length(trim(hex(zeroblob(4000000)), printf('%.*c', 4000000, 'x') || '0'))",
    ] {
        let ran = run(["query", path.to_str().unwrap(), sql, "--timeout", "0.2"]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{sql}: {}", ran.err);
        assert!(ran.err.contains("was stopped after 0.2 seconds") && ran.err.contains("--timeout"), "{}", ran.err);
    }
}

#[test]
fn values_and_memory_are_bounded_by_flags_that_are_named() {
    let path = fixtures::path("forms-reference/podman-runc.tar");
    let asked = |more: &[&str], sql: &str| run([&["query", path.to_str().unwrap(), sql][..], more].concat());
    for sql in [
        "SELECT printf('%.*c', 100000000, 'x')",
        "SELECT hex(zeroblob(500000000))",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200) \
         SELECT group_concat(printf('%.*c', 1000000, 'a')) FROM n",
    ] {
        let ran = asked(&[], sql);
        assert!(
            ran.code == Some(2) && ran.err.contains("67108864 bytes; raise the limit with --max-value"),
            "{sql}: {}",
            ran.err
        );
    }
    let long = "SELECT length(printf('%.*c', 70000000, 'x'))";
    assert!(asked(&["--max-value", "80000000"], long).ok().contains("70000000"));
    assert_eq!(asked(&["--max-value", "1000"], "SELECT printf('%.*c', 2000, 'x')").code, Some(2));
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n) SELECT max(i) FROM n";
    let ran = asked(&["--max-sql-memory", "16777216"], endless);
    assert!(
        ran.code == Some(2) && ran.err.contains("16777216 bytes") && ran.err.contains("--max-sql-memory"),
        "{}",
        ran.err
    );
}

#[test]
fn an_answer_without_rows_is_a_no() {
    let path = fixtures::path("forms-reference/podman-runc.tar");
    let none = run(["query", path.to_str().unwrap(), "SELECT pid FROM processes WHERE pid = 4711", "--format", "csv"]);
    assert_eq!((none.code, none.out.as_str(), none.err.as_str()), (Some(1), "pid\n", "cryoscope: no rows\n"));
    let quiet = run(["query", path.to_str().unwrap(), "SELECT 1 WHERE 0", "-q"]);
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(1), ""));
}

#[test]
fn the_query_may_stand_before_the_archives() {
    let names = ["tree/tree.tar.zst", WEBAPP].map(|name| fixtures::path(name).display().to_string());
    let sql = "SELECT archive, count(*) FROM processes GROUP BY archive";
    let last = run(["query", &names[0], &names[1], sql]).ok();
    assert_eq!(run(["query", sql, &names[0], &names[1]]).ok(), last);
    assert_eq!(run(["query", &names[0], sql, &names[1]]).ok(), last);
    let missing = run(["query", "SELECT 1", "nowhere.tar"]);
    assert!(missing.code == Some(2) && missing.err.contains("nowhere.tar: no such file"), "{}", missing.err);
}

#[test]
fn queries_can_ask_for_hashes_of_contents() {
    let path = fixtures::path("forms-reference/podman-runc.tar");
    let sql = "SELECT path, sha256 FROM members WHERE sha256 IS NOT NULL ORDER BY path";
    let ask = |more: &[&str]| run([&["query", path.to_str().unwrap(), sql, "--format", "ndjson"], more].concat());
    assert_eq!(ask(&[]).code, Some(1), "nothing is hashed unless it is asked for");
    let table =
        run(["table", path.to_str().unwrap(), "members", "--hash", "--format", "ndjson", "--where", "sha256!=null"]);
    let rows = |out: &str| {
        let of = |line: &str| {
            let row: Value = serde_json::from_str(line).unwrap();
            (row["path"].to_string(), row["sha256"].to_string())
        };
        let mut rows: Vec<_> = out.lines().map(of).collect();
        rows.sort();
        rows
    };
    let hashed = rows(&ask(&["--hash"]).ok());
    assert!(hashed.len() > 5);
    assert_eq!(hashed, rows(&table.ok()));
}

/// The prompt on a terminal, which `script` makes.
#[cfg(all(unix, feature = "prompt"))]
#[test]
fn the_prompt_understands_words_lines_and_interrupts() {
    use std::io::{Read, Write};
    use std::process::{Command, Stdio};
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    let home = tempfile::tempdir().unwrap();
    let path = fixtures::path("forms-reference/podman-runc.tar");
    let line = format!("exec '{}' query '{}' --no-history", env!("CARGO_BIN_EXE_cryoscope"), path.display());
    let spawned = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(home.path())
        .env("TERM", "dumb")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut script) = spawned else {
        eprintln!("skipped: there is no `script`, which makes a terminal");
        return;
    };
    let (mut stdin, mut stdout) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
    let seen = Arc::new(Mutex::new(String::new()));
    let screen = Arc::clone(&seen);
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(len @ 1..) = stdout.read(&mut bytes) {
            screen.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..len]));
        }
    });
    let start = Instant::now();
    // Types, and waits until something is said. An interrupt also throws away what was typed and not read yet, so what is
    // near to one is typed again after some seconds.
    let mut type_until = |typed: &[&str], said: &str, again: bool| {
        let patience = Duration::from_secs(if again { 3 } else { 120 });
        let from = seen.lock().unwrap().len();
        let is_said = || seen.lock().unwrap()[from..].contains(said);
        while !is_said() {
            assert!(start.elapsed() < Duration::from_mins(2), "{said}: {}", seen.lock().unwrap());
            for (number, text) in typed.iter().enumerate() {
                if number > 0 {
                    std::thread::sleep(Duration::from_millis(300));
                }
                stdin.write_all(text.as_bytes()).unwrap();
                stdin.flush().unwrap();
            }
            let typed = Instant::now();
            while !is_said() && typed.elapsed() < patience {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    };
    type_until(&[""], "cryoscope> ", false);
    type_until(&["help\n"], "List the tables", false);
    type_until(&["SELECT count(*) AS found\n"], "...> ", false);
    type_until(&["FROM processes;\n"], "FOUND", false);
    type_until(&["SELECT 1 WHERE 0;\n"], "no rows", false);
    // The terminal shows the query at once, and it runs a little later.
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;\n";
    type_until(&[endless, "\u{3}"], "the query was stopped", true);
    type_until(&["SELECT 'still ' || 'here';\n"], "still here", true);
    stdin.write_all(b"exit\n").unwrap();
    assert_eq!(script.wait().unwrap().code(), Some(0));
}
