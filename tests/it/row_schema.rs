//! The schema of our rows: it says what is printed, and what it said once stays true.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Mutex;

use cryoscope::catalog;
use cryoscope::catalog::{SCHEMA_VERSION, schema};
use cryoscope::tables;
use cryoscope::{Checkpoint, Options};
use regex_automata::meta::Regex;
use serde_json::Value;

use crate::command::run;
use crate::fixtures;

fn current() -> Value {
    schema(catalog::all().map(|source| source.table).chain(tables::ASKED.iter().copied()))
}

/// The same for rows to which nobody added a column: they have no others than ours.
fn strict() -> Value {
    let mut schema = current();
    for definition in schema["$defs"].as_object_mut().unwrap().values_mut() {
        if definition["additionalProperties"] == serde_json::json!({ "type": "string" }) {
            definition["additionalProperties"] = false.into();
        }
    }
    schema
}

fn committed() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Whether a text matches a pattern. The schema has few patterns for many values, so each is compiled once.
fn matches(pattern: &str, text: &str) -> bool {
    static COMPILED: Mutex<BTreeMap<String, Regex>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap();
    if !compiled.contains_key(pattern) {
        compiled.insert(pattern.to_owned(), Regex::new(pattern).unwrap());
    }
    compiled[pattern].is_match(text)
}

/// What is wrong with a value, by the few words of JSON Schema that ours has. Words that it does not know are wrong.
fn faults(value: &Value, schema: &Value, path: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (word, rule) in schema.as_object().unwrap() {
        match word.as_str() {
            "type" => {
                let names: Vec<&str> = match rule {
                    Value::Array(names) => names.iter().map(|name| name.as_str().unwrap()).collect(),
                    name => vec![name.as_str().unwrap()],
                };
                let is = |name: &&str| match *name {
                    "null" => value.is_null(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "number" => value.is_number(),
                    "string" => value.is_string(),
                    "array" => value.is_array(),
                    "object" => value.is_object(),
                    other => panic!("no type {other}"),
                };
                if !names.iter().any(is) {
                    faults.push(format!("{path}: {value} is none of {names:?}"));
                }
            }
            "pattern" => {
                if value.as_str().is_some_and(|text| !matches(rule.as_str().unwrap(), text)) {
                    faults.push(format!("{path}: {value} does not match {rule}"));
                }
            }
            "const" => {
                if value != rule {
                    faults.push(format!("{path}: {value} is not {rule}"));
                }
            }
            "properties" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    match rule.get(name) {
                        Some(rule) => faults.extend(self::faults(value, rule, &format!("{path}.{name}"))),
                        None if schema["additionalProperties"] != false => {
                            let rule = &schema["additionalProperties"];
                            faults.extend(self::faults(value, rule, &format!("{path}.{name}")));
                        }
                        None => faults.push(format!("{path}.{name} is not in the schema")),
                    }
                }
            }
            "required" => {
                let missing =
                    rule.as_array().unwrap().iter().filter(|name| value.get(name.as_str().unwrap()).is_none());
                faults.extend(missing.map(|name| format!("{path}: {name} is missing")));
            }
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                faults.extend(items.flat_map(|(at, item)| self::faults(item, rule, &format!("{path}[{at}]"))));
            }
            "minimum" if value.as_i64().is_some_and(|number| number < rule.as_i64().unwrap()) => {
                faults.push(format!("{path}: {value} is less than {rule}"));
            }
            "maximum" if value.as_u64().is_some_and(|number| number > rule.as_u64().unwrap()) => {
                faults.push(format!("{path}: {value} is more than {rule}"));
            }
            // Additional ones are looked at with the properties.
            "description" | "format" | "x-key" | "additionalProperties" | "minimum" | "maximum" => {}
            other => panic!("this reader does not know {other}"),
        }
    }
    faults
}

/// A row of the library, with what the command says before it.
fn named(mut row: Value) -> Value {
    row["archive"] = "a.tar".into();
    row["set"] = "".into();
    row
}

#[test]
fn rows_are_what_the_schema_says() {
    let schema = strict();
    let names: Vec<&str> = catalog::all().map(|source| &*source.table.name).collect();
    let mut rows = 0;
    for case in fixtures::cases() {
        for archive in fixtures::archives_of(&case) {
            let checkpoints: Vec<Checkpoint> = Options::new().open(&archive).unwrap();
            for checkpoint in &checkpoints {
                for (table, found) in fixtures::rows_of(checkpoint, &names) {
                    for row in found.into_iter().map(named) {
                        let faults = faults(&row, &schema["$defs"][&table], &table);
                        assert!(faults.is_empty(), "{case}: {faults:?}");
                        rows += 1;
                    }
                }
            }
        }
    }
    assert!(rows > 1000, "{rows} rows");
}

/// What `show`, `list` and `query` print is described as well, in both formats.
#[test]
fn what_commands_print_is_what_the_schema_says() {
    let schema: Value = serde_json::from_str(&run(["schema", "--json"]).ok()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (tree, logs) = (fixtures::archive_of("tree"), fixtures::archive_of("crio-logs"));
    std::fs::copy(&logs, folder.path().join(logs.file_name().unwrap())).unwrap();
    let sql = "SELECT pid, argv, pid AS pid, 1.5 AS x, NULL AS n, x'00ff' AS b FROM processes";
    let commands: [(&str, Vec<&std::ffi::OsStr>); 3] = [
        ("show", vec!["show".as_ref(), tree.as_os_str(), logs.as_os_str()]),
        ("list", vec!["list".as_ref(), folder.path().as_os_str()]),
        ("query", vec!["query".as_ref(), tree.as_os_str(), sql.as_ref()]),
    ];
    for (command, arguments) in commands {
        for format in ["json", "ndjson"] {
            let ran = run(arguments.iter().copied().chain(["--format".as_ref(), format.as_ref()]));
            // Of several archives, there is a line on standard error.
            assert_eq!(ran.code, Some(0), "{}", ran.err);
            let printed = ran.out;
            let described = &schema["commands"][command][format];
            let (rows, rule): (Vec<Value>, &Value) = if format == "json" {
                assert_eq!(described["type"], "array");
                (serde_json::from_str(&printed).unwrap(), &described["items"])
            } else {
                (printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), described)
            };
            let name = rule["$ref"].as_str().unwrap().strip_prefix("#/$defs/").unwrap();
            assert!(!rows.is_empty());
            for row in &rows {
                assert_eq!(faults(row, &schema["$defs"][name], command), Vec::<String>::new());
            }
            let mut odd = rows[0].clone();
            odd["invented"] = Value::from(vec![1]);
            assert!(!faults(&odd, &schema["$defs"][name], "").is_empty(), "the schema says something");
        }
    }
    assert!(serde_json::from_str::<Value>(&run(["schema", "--json", "checkpoints"]).ok()).is_ok());
}

#[test]
fn the_reader_of_schemas_finds_faults() {
    let schema = &strict()["$defs"]["processes"];
    let checkpoint = Checkpoint::open(fixtures::archive_of("tree")).unwrap();
    let row = named(fixtures::rows_of(&checkpoint, &["processes"])["processes"][0].clone());
    assert!(faults(&row, schema, "").is_empty());
    let odd = [
        ("pid", Value::from("1")),
        ("cap_eff", "xyz".into()),
        ("invented", 1.into()),
        ("invented", "text".into()),
        ("argv", vec![Value::from("a"), 1.into()].into()),
        ("groups", vec![Value::from("a"), 1.into()].into()),
        ("total_size", (-1).into()),
    ];
    for (name, value) in odd {
        let mut changed = row.clone();
        changed[name] = value;
        assert_eq!(faults(&changed, schema, "").len(), 1, "{name}");
    }
    let mut added = row.clone();
    added["node"] = "text of the user".into();
    assert!(faults(&added, &current()["$defs"]["processes"], "").is_empty(), "a column of `--field`");
    let mut short = row;
    short.as_object_mut().unwrap().remove("pid");
    assert_eq!(faults(&short, schema, "").len(), 1);
}

/// What of an old schema a new one does not keep.
fn broken(old: &Value, new: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    for (table, definition) in old["$defs"].as_object().unwrap() {
        let Some(now) = new["$defs"].get(table) else {
            broken.push(format!("table {table} is gone"));
            continue;
        };
        for (column, was) in definition["properties"].as_object().unwrap() {
            match now["properties"].get(column) {
                None => broken.push(format!("{table}.{column} is gone")),
                Some(is) if is["type"] != was["type"] || is["pattern"] != was["pattern"] => {
                    broken.push(format!("{table}.{column} was {}, and is {}", was["type"], is["type"]));
                }
                Some(_) => {}
            }
        }
        let keys = |definition: &Value| definition["x-key"].clone();
        if keys(definition) != keys(now) {
            broken.push(format!("{table} has another key: rows would get other ids"));
        }
    }
    broken
}

/// Whoever reads our rows reads those of the next version, too. If that has to end: a new first number of
/// [`SCHEMA_VERSION`], and a word in CHANGELOG.md.
#[test]
fn nothing_that_was_promised_is_broken() {
    let (old, new) = (committed(), current());
    let major = |version: &str| version.split('.').next().unwrap().to_owned();
    if major(old["version"].as_str().unwrap()) == major(SCHEMA_VERSION) {
        assert_eq!(broken(&old, &new), Vec::<String>::new());
    }
    let mut without = new.clone();
    without["$defs"]["processes"]["properties"].as_object_mut().unwrap().remove("pid");
    without["$defs"]["mounts"]["properties"]["path"]["type"] = "integer".into();
    without["$defs"].as_object_mut().unwrap().remove("members");
    without["$defs"]["threads"]["x-key"] = Value::Null;
    assert_eq!(broken(&new, &without).len(), 4, "this test can fail");
}

#[test]
fn the_schema_is_printed_and_kept() {
    let printed: Value = serde_json::from_str(&run(["schema", "--json"]).ok()).unwrap();
    assert_eq!(printed, current());
    let one: Value = serde_json::from_str(&run(["schema", "--json", "mounts"]).ok()).unwrap();
    assert_eq!(one["$defs"].as_object().unwrap().len(), 1);
    assert_eq!(one["$defs"]["mounts"], printed["$defs"]["mounts"]);
    assert_eq!(run(["schema", "nothing"]).code, Some(2));
}

#[test]
fn shells_and_readers_of_manuals_get_what_they_need() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(["completions", shell]).ok();
        assert!(
            // Some shells are not told the values of flags.
            script.contains("memparse") && (matches!(shell, "elvish" | "powershell") || script.contains("timesketch")),
            "{shell}"
        );
    }
    let page = run(["man"]).ok();
    for part in [".TH cryoscope", "INSPECT", "MEMPARSE", r"\-\-source\-id"] {
        assert!(page.contains(part), "{part}");
    }
}

/// Serde gives the values that are printed, of a checkpoint's rows and of their copies.
#[test]
fn rows_serialize_as_they_are_printed() {
    let checkpoint = Checkpoint::open(fixtures::archive_of("tree")).unwrap();
    let names: Vec<&str> = catalog::all().map(|source| &*source.table.name).collect();
    let printed = fixtures::rows_of(&checkpoint, &names);
    let mut compared = 0;
    for source in catalog::all() {
        let mut rows = printed[&*source.table.name].iter();
        source.each(&checkpoint, &mut |row| {
            let mut expected = rows.next().unwrap().clone();
            expected.as_object_mut().unwrap().remove("table");
            assert_eq!(serde_json::to_value(row).unwrap(), expected, "{}", source.table.name);
            assert_eq!(serde_json::to_value(tables::Record::of(row)).unwrap(), expected, "{}", source.table.name);
            compared += 1;
            ControlFlow::Continue(())
        });
    }
    let direct = serde_json::to_value(checkpoint.rows().container()).unwrap();
    assert_eq!(direct["name"], printed["container"][0]["name"]);
    assert!(compared > 500, "{compared}");
}
