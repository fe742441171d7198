//! Restricts queries: they may read rows of our tables and call functions. The engine asks for permission for each
//! access while it compiles a query. This also tells which columns of which tables are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, Result};

use super::ARCHIVE;
use crate::catalog;

/// Tables of the engine that contain only data of the query, or the names of our tables.
const HARMLESS: [&str; 4] = ["json_each", "json_tree", "sqlite_master", "sqlite_schema"];

/// Prefixes of functions that reach out of the database, or into the engine.
const REFUSED: [&str; 4] = ["load_extension", "fts", "rtree", "sqlite_"];

/// Maximum length of a query in bytes.
pub(super) const LONGEST: i32 = 1 << 20;

/// Limits of the engine on compiled queries.
const LIMITS: [(Limit, i32); 9] = [
    (Limit::SQLITE_LIMIT_SQL_LENGTH, LONGEST),
    (Limit::SQLITE_LIMIT_COLUMN, 500),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 100),
    (Limit::SQLITE_LIMIT_VDBE_OP, 1 << 20),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 0),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];

/// The columns that are read, by table and number.
pub(super) type Reads = BTreeMap<&'static str, BTreeSet<usize>>;

/// Findings from compiling a query.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Tables made by the engine's modules, not by us.
    modules: BTreeSet<String>,
    /// Whether the statement is our own.
    ours: bool,
    /// Names of further tables that may be read.
    more: BTreeSet<String>,
    /// Those of them that are read.
    used: BTreeSet<String>,
    reads: Reads,
    /// Why it was refused.
    refused: Option<String>,
}

/// Guards a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard(Arc<Mutex<Seen>>);

impl Guard {
    /// Restricts a connection. `value` is the maximum size of a value or a row in bytes.
    pub(super) fn set(&self, connection: &mut Connection, value: u64) -> Result<()> {
        // Functions cannot be interrupted, so the length of their arguments is limited.
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, i32::try_from(value).unwrap_or(i32::MAX))?;
        for (limit, value) in LIMITS {
            connection.set_limit(limit, value)?;
        }
        let switches = [
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
            // An unknown name in double quotes is an error, not text.
            (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
            (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        ];
        for (switch, on) in switches {
            connection.set_db_config(switch, on)?;
        }
        let modules = connection.prepare("SELECT lower(name) FROM pragma_module_list")?;
        self.seen().modules = { modules }.query_map([], |row| row.get(0))?.collect::<Result<_>>()?;
        let guard = self.clone();
        connection.authorizer(Some(move |context: AuthContext<'_>| guard.seen().judge(context.action)))
    }

    /// Begins to guard a query.
    pub(super) fn watch(&self) {
        self.seen().begin(false);
    }

    /// Allows everything, for our own statements.
    pub(super) fn trust(&self) {
        self.seen().begin(true);
    }

    /// Allows queries to read further tables.
    pub(super) fn allow(&self, tables: BTreeSet<String>) {
        self.seen().more = tables;
    }

    /// The further tables that are read since then.
    pub(super) fn used(&self) -> BTreeSet<String> {
        self.seen().used.clone()
    }

    /// The columns read and the refused access since then.
    pub(super) fn found(&self) -> (Reads, Option<String>) {
        let seen = self.seen();
        (seen.reads.clone(), seen.refused.clone())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn begin(&mut self, ours: bool) {
        let (modules, more) = (std::mem::take(&mut self.modules), std::mem::take(&mut self.more));
        *self = Seen { modules, ours, more, ..Seen::default() };
    }

    fn judge(&mut self, action: AuthAction<'_>) -> Authorization {
        if self.ours {
            return Authorization::Allow;
        }
        let refused = match action {
            AuthAction::Select | AuthAction::Recursive => return Authorization::Allow,
            AuthAction::Read { table_name, column_name } => {
                if self.read(table_name, column_name) {
                    return Authorization::Allow;
                }
                format!("reading {table_name}")
            }
            AuthAction::Function { function_name } => {
                let name = function_name.to_ascii_lowercase();
                if !REFUSED.iter().any(|beginning| name.starts_with(beginning)) {
                    return Authorization::Allow;
                }
                format!("the function {function_name}")
            }
            AuthAction::Pragma { pragma_name, .. } => format!("PRAGMA {pragma_name}"),
            AuthAction::Attach { .. } => "ATTACH".to_owned(),
            AuthAction::Detach { .. } => "DETACH".to_owned(),
            AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => "a transaction".to_owned(),
            _ => "changing anything".to_owned(),
        };
        self.refused.get_or_insert(refused);
        Authorization::Deny
    }

    /// Records that a column is read, if that is allowed.
    fn read(&mut self, table: &str, column: &str) -> bool {
        if HARMLESS.iter().any(|name| table.eq_ignore_ascii_case(name)) {
            return true;
        }
        let is_more = self.more.get(&table.to_ascii_lowercase()).cloned();
        self.used.extend(is_more.clone());
        let Some(source) = catalog::all().find(|source| source.table.name.eq_ignore_ascii_case(table)) else {
            if is_more.is_some() {
                return true;
            }
            // For a named part of the query, the engine asks with its name if no column matters.
            let table = table.to_ascii_lowercase();
            return column.is_empty() && !table.starts_with("pragma_") && !self.modules.contains(&table);
        };
        let columns = self.reads.entry(&*source.table.name).or_default();
        // Without a column name, only the number of rows matters.
        if column != ARCHIVE {
            columns.extend(source.table.column(column));
        }
        true
    }
}

/// The words of a query.
pub(super) fn words(sql: &str) -> Vec<&str> {
    sql.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty()).collect()
}
