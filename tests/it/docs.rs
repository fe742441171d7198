//! Pages that are generated from the code: tables, warnings, SIEM fields, the schema. `UPDATE_DOCS=1 cargo test docs` rewrites
//! them.

use std::fmt::Write as _;
use std::path::Path;

use cryoscope::analysis::{Family, Rule, rules};
use cryoscope::catalog;
use cryoscope::tables::{System, attack};
use cryoscope::{Code, tables};

#[test]
fn tables_are_documented() {
    let mut text = "# Tables\n\nEvery output is made of rows of these tables. Any column can be null, which means that the \
                    archive does not say. Times are\nRFC 3339 in UTC, addresses and masks hexadecimal text, sizes bytes. For text \
                    that is not UTF-8, `<column>_hex` has all bytes. The\n[glossary](glossary.md) explains the words.\n"
        .to_owned();
    for table in catalog::all().map(|source| source.table).chain(tables::ASKED.iter().copied()) {
        let _ = write!(text, "\n## `{}`\n\n{}\n\n", table.name, flat(&table.doc));
        if !table.key.is_empty() {
            let keys: Vec<String> = table.key.iter().map(|key| format!("`{key}`")).collect();
            let _ = write!(text, "Key: {}.\n\n", keys.join(", "));
        }
        text.push_str("| column | type | meaning |\n| --- | --- | --- |\n");
        for column in table.columns.iter() {
            // Rows of several tables have a key of this name.
            assert_ne!(column.name, "table", "a column of {}", table.name);
            let _ = writeln!(text, "| `{}` | {} | {} |", column.name, column.column_type.as_str(), flat(&column.doc));
        }
    }
    compare("docs/tables.md", &text);
}

#[test]
fn warnings_are_documented() {
    let mut text =
        "# Warnings\n\nEach names the member, record and offset that it is about. A *warning* means that something is \
                    missing or wrong: the answer is partial,\nand the exit code is 3. A *note* means that something is \
                    odd, but nothing is missing; `--verbose` prints notes too. The codes are\nstable.\n\n\
                    | code | severity | meaning |\n| --- | --- | --- |\n"
            .to_owned();
    for code in Code::ALL {
        let _ = writeln!(text, "| `{code}` | {} | {} |", code.severity().as_str(), flat(code.meaning()));
    }
    compare("docs/warnings.md", &text);
}

#[test]
fn where_columns_go_is_documented() {
    let mut text =
        "# SIEM fields\n\nThese columns have a field in another schema. All others keep their own names: in ECS below \
                    `cryoscope` and the name given\nhere, in OCSF in `unmapped`, in Timesketch at the top level. \
                    [siem.md](siem.md) describes what else documents contain.\n"
            .to_owned();
    let all = catalog::all().map(|source| source.table).chain(tables::ASKED.iter().copied());
    for table in all.chain([&tables::Summary::TABLE]).filter(|table| table.event != tables::Event::PLAIN) {
        let event = &table.event;
        let prefix = if event.prefix.is_empty() { &*table.name } else { event.prefix };
        let action = if event.action.is_empty() { &*table.name } else { event.action };
        let kind = match event.subject {
            tables::Subject::Finding => {
                "`event.kind` `alert` from medium severity on and `event` below, `event.action` the \
                                         name of the rule"
                    .to_owned()
            }
            _ => format!("`event.kind` `{}`, `event.action` `{action}`", event.kind),
        };
        let _ = write!(text, "\n## `{}`\n\nECS: {kind}, own columns below `cryoscope.{prefix}`.\n", table.name);
        if let Some(secrets) = event.secrets {
            let columns: Vec<String> = secrets.columns.iter().map(|name| format!("`{name}`")).collect();
            let only_if = secrets.only_if.map(|(column, value)| format!(" in rows whose `{column}` is `{value}`"));
            let only_if = only_if.unwrap_or_default();
            let _ = writeln!(text, "Omitted unless `--with-env` is given: {}{only_if}.", columns.join(", "));
        }
        let going: Vec<_> = table.columns.iter().filter(|column| !column.targets().is_empty()).collect();
        if going.is_empty() {
            continue;
        }
        text.push_str("\n| column | ECS | OCSF | Timesketch |\n| --- | --- | --- | --- |\n");
        for column in going {
            let of = |system| -> String {
                let targets = column.targets().iter().filter(|target| target.system == system);
                let names: Vec<String> = targets.map(|target| format!("`{}`", target.field)).collect();
                names.join(", ")
            };
            let (ecs, ocsf, timesketch) = (of(System::Ecs), of(System::Ocsf), of(System::Timesketch));
            let flow = of(System::Flow);
            let flow = if flow.is_empty() { flow } else { format!("source or destination ({flow})") };
            let _ = writeln!(text, "| `{}` | {ecs}{flow} | {ocsf} | {timesketch} |", column.name);
        }
    }
    compare("docs/siem-fields.md", &text);
}

#[test]
fn the_schema_of_rows_is_documented() {
    // `row_schema` compares this with the previous one.
    let tables = catalog::all().map(|source| source.table).chain(tables::ASKED.iter().copied());
    compare("docs/schema.json", &format!("{}\n", cryoscope::formats::pretty(&catalog::schema(tables))));
}

#[test]
fn rules_are_documented() {
    let mut text = "# Rules\n\nThe rules of `cryoscope scan`, by family. [scan.md](scan.md) explains severities, confidence and \
                    coverage; `cryoscope scan --explain RULE`\nprints one of them. The severity is that of the usual finding: one \
                    that has an innocent explanation in its checkpoint is milder, and one\nthat another family agrees with is \
                    worse. *Stable* rules were measured on benign and on planted cases; *incubating* ones run, and may\nstill \
                    change; *experimental* ones run only with `--experimental` or if they are named.\n"
        .to_owned();
    for family in Family::ALL {
        let rules: Vec<&Rule> = rules::all().filter(|rule| rule.family == family).collect();
        if rules.is_empty() {
            continue;
        }
        let _ = write!(text, "\n## {} (`{}`)\n\n", family.title(), family.prefix());
        text.push_str("| rule | name | severity | maturity | finds |\n| --- | --- | --- | --- | --- |\n");
        for rule in &rules {
            let (severity, maturity) = (rule.severity.as_str(), rule.maturity.as_str());
            let id = format!("[{}](#{})", rule.id, anchor(rule));
            let _ = writeln!(text, "| {id} | `{}` | {severity} | {maturity} | {} |", rule.slug, flat(rule.title));
        }
        for rule in rules {
            card(&mut text, rule);
        }
    }
    compare("docs/rules.md", &text);
}

/// The link target of the heading of a rule, as GitHub makes it.
fn anchor(rule: &Rule) -> String {
    format!("{}-{}", rule.id.to_lowercase(), rule.slug)
}

fn card(text: &mut String, rule: &Rule) {
    let _ = write!(text, "\n### {} `{}`\n\n**{}.** ", rule.id, rule.slug, rule.title);
    let posture = if rule.posture { " · what the container may do, not what happened" } else { "" };
    let _ = writeln!(
        text,
        "Severity {} · {} · version {}{posture}",
        rule.severity.as_str(),
        rule.maturity.as_str(),
        rule.version
    );
    for paragraph in rule.help.trim().split("\n\n") {
        let _ = write!(text, "\n{}\n", paragraph.lines().map(str::trim).collect::<Vec<_>>().join("\n"));
    }
    let _ = write!(text, "\nWhy it matters: {}\n\nInnocent causes:\n\n", rule.why);
    for cause in rule.benign {
        let _ = writeln!(text, "- {cause}");
    }
    let name = |id: &&str| {
        let technique = attack::technique(id).unwrap_or_else(|| panic!("{id} of {} is unknown", rule.id));
        let whole = id.split_once('.').and_then(|(whole, _)| attack::technique(whole));
        let name =
            whole.map_or_else(|| technique.name.to_owned(), |whole| format!("{}: {}", whole.name, technique.name));
        format!("[{id}](https://attack.mitre.org/techniques/{}/) {name}", id.replace('.', "/"))
    };
    let techniques: Vec<String> = rule.attack.iter().map(name).collect();
    if !techniques.is_empty() {
        let _ = write!(text, "\nATT&CK: {}\n", techniques.join(", "));
    }
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

pub(crate) fn compare(path: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{} is stale; UPDATE_DOCS=1 cargo test docs rewrites it", path.display());
}
