//! The database: tables of archives, loaded as far as queries read them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};
use rusqlite::{Connection, ErrorCode};

use super::cell::{fraction, from_sql, to_sql};
use super::error::Error;
use super::functions::register;
use super::guard::{Guard, LONGEST, Reads, words};
use super::osquery::{self, Cell, Given, Made};
use super::result;
use super::watch::Watch;
use super::{ARCHIVE, SET};
use crate::Checkpoint;
use crate::catalog;
use crate::memory::Keep;
use crate::tables::{Table, TableSource, Type, Value};

/// Steps of the engine between two checks of the clock.
const STEPS: i32 = 1000;

/// The table of warnings.
const WARNINGS: &str = "warnings";

/// Limits of a query. Its text is limited, too, to 1 MiB.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounds {
    /// Time for making rows and for the query, without opening archives and without the sink (default 60 s). The clock
    /// is checked between the steps of the engine, and when one of our functions is called. A single function of the
    /// engine on long values, such as `instr`, may take longer. To stop that as well, run the query in a thread and
    /// abandon it, as the command does.
    pub time: Duration,
    /// Memory that the engine may use in all databases of the process, in bytes (default 4 GiB).
    ///
    /// ```
    /// # fn main() -> Result<(), cryoscope::query::Error> {
    /// use std::ops::ControlFlow;
    ///
    /// use cryoscope::query::{Bounds, Database, Error};
    ///
    /// let mut bounds = Bounds::default();
    /// bounds.memory = 16 << 20;
    /// let mut database = Database::new(bounds)?;
    /// let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n) SELECT max(i) FROM n";
    /// let mut query = database.prepare(sql)?;
    /// let answer = database.run(&mut query, &mut |_| ControlFlow::Continue(()));
    /// assert_eq!(answer, Err(Error::Memory(16 << 20)));
    /// # Ok(())
    /// # }
    /// ```
    pub memory: u64,
    /// Maximum size of a value and of a row, in bytes (default 64 MiB, at most 1 GiB).
    pub value: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { time: Duration::from_mins(1), memory: 4 << 30, value: 64 << 20 }
    }
}

/// Tables in memory.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
    guard: Guard,
    watch: Watch,
    bounds: Bounds,
    /// The loaded columns, by archive, set and table.
    loaded: BTreeMap<(String, String, &'static str), BTreeSet<usize>>,
}

/// A compiled query.
#[derive(Clone, Debug)]
pub struct Query {
    sql: String,
    names: Vec<String>,
    table: Table,
    reads: Reads,
    /// Names of osquery's tables that it reads.
    osquery: BTreeSet<String>,
    /// Time left.
    left: Duration,
}

impl Query {
    /// The names of the result's columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The table of the result. Its columns have distinct names.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The tables that the query reads.
    pub fn sources(&self) -> impl Iterator<Item = &'static TableSource> {
        self.reads.keys().filter_map(|name| catalog::find(name))
    }

    /// osquery's tables that it reads, in a database that has them.
    pub fn osquery_tables(&self) -> impl Iterator<Item = &'static str> {
        osquery::tables().filter(|name| self.osquery.contains(*name))
    }

    /// Those of them that are made from files.
    fn made(&self) -> impl Iterator<Item = &'static Made> {
        osquery::MADE.iter().filter(|made| self.osquery.contains(made.name))
    }

    /// Time left.
    pub fn time_left(&self) -> Duration {
        self.left
    }

    /// The parts to keep when an archive is read as a stream.
    pub fn keep(&self) -> Keep {
        let keep = self.sources().fold(Keep::Tables, |keep, source| keep.and(source.keep));
        // These are made from files.
        if self.made().next().is_some() { keep.and(Keep::Evidence) } else { keep }
    }
}

impl Database {
    /// Creates a database with empty tables.
    ///
    /// # Errors
    ///
    /// If the engine does not start.
    pub fn new(bounds: Bounds) -> Result<Self, Error> {
        Database::stoppable(bounds, Arc::default())
    }

    /// Creates a database that can be stopped: loading and queries end soon after `stop` is set, with
    /// [`Error::Stopped`].
    ///
    /// # Errors
    ///
    /// If the engine does not start.
    pub fn stoppable(bounds: Bounds, stop: Arc<AtomicBool>) -> Result<Self, Error> {
        let guard = Guard::default();
        let watch = Watch::new(stop);
        let start = || {
            let mut connection = Connection::open_in_memory()?;
            // Large sorts would otherwise use files.
            connection.pragma_update(None, "temp_store", "MEMORY")?;
            connection.pragma_update(None, "hard_heap_limit", i64::try_from(bounds.memory).unwrap_or(i64::MAX))?;
            for source in catalog::all() {
                connection.execute(&definition(source.table), [])?;
            }
            register(&connection, &watch)?;
            guard.set(&mut connection, bounds.value)?;
            Ok(connection)
        };
        let connection = start().map_err(|error| Error::of(error, ""))?;
        Ok(Database { connection, guard, watch, bounds, loaded: BTreeMap::new() })
    }

    /// Adds osquery's tables, which hide ours of the same names. They know of one machine: load one checkpoint.
    ///
    /// # Errors
    ///
    /// If the engine does not make them.
    pub fn with_osquery(self) -> Result<Self, Error> {
        self.guard.allow(osquery::names());
        self.guard.trust();
        let make = || -> rusqlite::Result<()> {
            for made in osquery::MADE {
                let columns: Vec<String> = made.columns.iter().map(|column| format!("\"{column}\"")).collect();
                self.connection
                    .execute(&format!("CREATE TEMP TABLE \"{}\" ({})", made.name, columns.join(", ")), [])?;
            }
            for view in osquery::VIEWS {
                self.connection.execute(&format!("CREATE TEMP VIEW \"{}\" AS {}", view.name, view.sql), [])?;
            }
            Ok(())
        };
        make().map_err(|error| Error::of(error, ""))?;
        Ok(self)
    }

    /// Compiles a query. No archive is needed.
    ///
    /// # Errors
    ///
    /// If it is not valid, or reads anything other than our tables.
    pub fn prepare(&mut self, sql: &str) -> Result<Query, Error> {
        if let Some(nul) = sql.find('\0') {
            return Err(Error::sql("a query must not contain NUL".to_owned(), sql, Some(nul)));
        }
        self.guard.watch();
        let prepared = self.connection.prepare(sql);
        let (mut reads, refused) = self.guard.found();
        if let Some(refused) = refused {
            return Err(Error::Refused(refused));
        }
        let statement = prepared.map_err(|error| self.failure(error, sql))?;
        if !statement.readonly() || statement.column_count() == 0 {
            return Err(Error::Refused("changing anything".to_owned()));
        }
        if statement.parameter_count() > 0 {
            return Err(Error::sql("a query has no parameters".to_owned(), sql, None));
        }
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        add_joined(sql, &mut reads);
        let table = result::table(&names);
        let osquery = self.guard.used();
        Ok(Query { sql: sql.to_owned(), names, table, reads, osquery, left: self.bounds.time })
    }

    /// Loads the data that a query reads from a checkpoint, unless it is already loaded. `archive` is the value of the
    /// column [`ARCHIVE`] of its rows; the column [`SET`] has [`Checkpoint::set_name`].
    ///
    /// # Errors
    ///
    /// If time or memory runs out.
    pub fn load(&mut self, query: &mut Query, archive: &str, checkpoint: &Checkpoint) -> Result<(), Error> {
        self.guard.trust();
        let start = Instant::now();
        // The clock of an earlier query may have run out.
        let left = query.left;
        let watched = self.begin_watch(move || start.elapsed() >= left);
        watched.map_err(|error| self.failure(error, ""))?;
        for source in query.sources() {
            let Some(columns) = query.reads.get(&*source.table.name) else { continue };
            let set = checkpoint.set_name().to_string();
            let key = (archive.to_owned(), set, &*source.table.name);
            let before = self.loaded.get(&key);
            // Reading more adds warnings. Their table comes last by its name.
            let may_stay = source.table.name != WARNINGS;
            if may_stay && before.is_some_and(|before| before.is_superset(columns)) {
                continue;
            }
            let columns: BTreeSet<usize> = columns.union(before.unwrap_or(&BTreeSet::new())).copied().collect();
            let filled = self.fill(source, &columns, archive, checkpoint, start.checked_add(query.left));
            if !filled.map_err(|error| self.failure(error, ""))? {
                return Err(self.over());
            }
            self.loaded.insert(key, columns);
            let by_pid = index(source.table).map_or(Ok(0), |sql| self.connection.execute(&sql, []));
            by_pid.map_err(|error| self.failure(error, ""))?;
        }
        self.make(query, archive, checkpoint).map_err(|error| self.failure(error, ""))?;
        query.left = query.left.saturating_sub(start.elapsed());
        Ok(())
    }

    /// Fills the tables of osquery's that are made from files, each once.
    fn make(&mut self, query: &Query, archive: &str, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
        let mut given: Option<Given<'_>> = None;
        for made in query.made() {
            let key = (archive.to_owned(), checkpoint.set_name().to_string(), made.name);
            if self.loaded.contains_key(&key) {
                continue;
            }
            let transaction = self.connection.unchecked_transaction()?;
            let places = vec!["?"; made.columns.len()].join(", ");
            let mut statement =
                transaction.prepare(&format!("INSERT INTO temp.\"{}\" VALUES ({places})", made.name))?;
            let mut result = Ok(());
            (made.rows)(given.get_or_insert_with(|| Given::of(checkpoint)), &mut |row| {
                let insert = statement.execute(rusqlite::params_from_iter(row.iter().map(cell_to_sql)));
                result = insert.map(drop);
                result.is_ok() && !self.watch.is_over()
            });
            result?;
            drop(statement);
            transaction.commit()?;
            self.loaded.insert(key, BTreeSet::new());
        }
        Ok(())
    }

    /// Fills some columns of a table with the rows of a checkpoint, or leaves the table unchanged. Returns whether
    /// there was enough time.
    fn fill(
        &self,
        source: &TableSource,
        columns: &BTreeSet<usize>,
        archive: &str,
        checkpoint: &Checkpoint,
        deadline: Option<Instant>,
    ) -> rusqlite::Result<bool> {
        let transaction = self.connection.unchecked_transaction()?;
        let set = checkpoint.set_name().to_string();
        let stale = format!("DELETE FROM main.{} WHERE {ARCHIVE} = ? AND \"{SET}\" = ?", source.table.name);
        transaction.execute(&stale, [archive, &set])?;
        let mut statement = transaction.prepare(&insertion(source.table, columns))?;
        statement.raw_bind_parameter(1, archive)?;
        statement.raw_bind_parameter(2, &set)?;
        let mut result = Ok(true);
        source.each(checkpoint, &mut |row| {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) || self.watch.is_stopped() {
                result = Ok(false);
                return ControlFlow::Break(());
            }
            let mut insert = || {
                for (number, &column) in (3..).zip(columns) {
                    statement.raw_bind_parameter::<usize, _>(number, to_sql(&row.value(column)))?;
                }
                statement.raw_execute()
            };
            match insert() {
                Ok(_) => ControlFlow::Continue(()),
                Err(error) => {
                    result = Err(error);
                    ControlFlow::Break(())
                }
            }
        });
        drop(statement);
        if matches!(result, Ok(true)) {
            transaction.commit()?;
        }
        result
    }

    /// Runs a query on the loaded data, and passes rows to a sink until that has enough.
    ///
    /// # Errors
    ///
    /// If time or memory runs out, or a function is called with an invalid argument.
    pub fn run(
        &mut self,
        query: &mut Query,
        sink: &mut dyn FnMut(&[Value<'_>]) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.guard.watch();
        let start = Instant::now();
        // A slow reader of rows (a pager) does not cost query time.
        let elsewhere = Arc::new(AtomicU64::new(0));
        let spent = {
            let elsewhere = Arc::clone(&elsewhere);
            move || start.elapsed().saturating_sub(Duration::from_nanos(elsewhere.load(Ordering::Relaxed)))
        };
        let (left, clock) = (query.left, spent.clone());
        let watched = self.begin_watch(move || clock() >= left);
        let answered = watched.and_then(|()| {
            self.answer(query, &mut |row| {
                let begun = Instant::now();
                let flow = sink(row);
                let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
                elsewhere.fetch_add(nanos, Ordering::Relaxed);
                flow
            })
        });
        query.left = query.left.saturating_sub(spent());
        answered.map_err(|error| self.failure(error, &query.sql))
    }

    fn answer(&self, query: &Query, sink: &mut dyn FnMut(&[Value<'_>]) -> ControlFlow<()>) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare(&query.sql)?;
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            let cells = (0..columns).map(|column| row.get_ref(column)).collect::<rusqlite::Result<Vec<_>>>()?;
            let fractions: Vec<_> = cells.iter().copied().map(fraction).collect();
            let values: Vec<_> =
                cells.iter().zip(&fractions).map(|(cell, fraction)| from_sql(*cell, fraction)).collect();
            if sink(&values).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Starts a clock that is checked between the steps of the engine, and when one of our functions is called.
    fn begin_watch(&mut self, is_over: impl Fn() -> bool + Send + Sync + 'static) -> rusqlite::Result<()> {
        self.watch.begin(is_over);
        let watch = self.watch.clone();
        self.connection.progress_handler(STEPS, Some(move || watch.is_over()))
    }

    /// The reason why a query was interrupted.
    fn over(&self) -> Error {
        if self.watch.is_stopped() { Error::Stopped } else { Error::TimedOut(self.bounds.time) }
    }

    fn failure(&self, error: rusqlite::Error, sql: &str) -> Error {
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => self.over(),
            Some(ErrorCode::OutOfMemory) => Error::Memory(self.bounds.memory),
            Some(ErrorCode::TooBig) if i32::try_from(sql.len()).is_ok_and(|len| len <= LONGEST) => {
                Error::TooLong(self.bounds.value)
            }
            Some(ErrorCode::TooBig) => Error::Engine(format!("the query is too long: more than {LONGEST} bytes")),
            _ => Error::of(error, sql),
        }
    }
}

/// A value of a table of osquery's.
fn cell_to_sql(cell: &Cell) -> ToSqlOutput<'_> {
    match cell {
        Cell::Null => ToSqlOutput::Owned(Owned::Null),
        Cell::Number(number) => ToSqlOutput::Owned(Owned::Integer(*number)),
        Cell::Text(text) if text.to_str().is_ok() => ToSqlOutput::Borrowed(ValueRef::Text(text)),
        Cell::Text(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
    }
}

/// Adds the columns read by `USING` and `NATURAL` joins, for which the engine does not ask.
fn add_joined(sql: &str, reads: &mut Reads) {
    let words = words(sql);
    let has = |name: &str| words.iter().any(|word| word.eq_ignore_ascii_case(name));
    let natural = has("natural");
    if !natural && !has("using") {
        return;
    }
    for table in catalog::all().map(|source| source.table).filter(|table| has(&table.name)) {
        let joined = table.columns.iter().enumerate().filter(|(_, column)| natural || has(&column.name));
        reads.entry(&*table.name).or_default().extend(joined.map(|(number, _)| number));
    }
}

/// The SQL that creates a table.
fn definition(table: &Table) -> String {
    let mut sql = format!("CREATE TABLE {} ({ARCHIVE} TEXT, \"{SET}\" TEXT", table.name);
    for column in table.columns.iter() {
        // In a column of type INTEGER, a text with too many digits would become a fraction.
        let of_type = match column.column_type {
            Type::Integer if column.wide => "",
            Type::Integer | Type::Bool => " INTEGER",
            _ => " TEXT",
        };
        let _ = write!(sql, ", \"{}\"{of_type}", column.name);
    }
    sql.push(')');
    sql
}

/// The SQL that creates the index for subqueries on the rows of a process. It is not used to read all rows, so these
/// stay in the order of the table.
fn index(table: &Table) -> Option<String> {
    let name = &table.name;
    table.column("pid")?;
    Some(format!(
        "CREATE INDEX IF NOT EXISTS main.{name}_pid ON {name} (pid, {ARCHIVE}, \"{SET}\") WHERE pid IS NOT NULL"
    ))
}

/// The SQL that adds a row with some columns.
fn insertion(table: &Table, columns: &BTreeSet<usize>) -> String {
    let mut names = format!("{ARCHIVE}, \"{SET}\"");
    let mut values = "?, ?".to_owned();
    for column in columns.iter().filter_map(|&number| table.columns.get(number)) {
        let _ = write!(names, ", \"{}\"", column.name);
        values.push_str(", ?");
    }
    format!("INSERT INTO main.{} ({names}) VALUES ({values})", table.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "fixtures/forms-reference/podman-runc.tar";

    fn prepared(sql: &str) -> Result<Query, Error> {
        Database::new(Bounds::default()).unwrap().prepare(sql)
    }

    /// The rows of a query as JSON, with a second copy of the archive under another name.
    fn rows(database: &mut Database, sql: &str) -> Result<Vec<String>, Error> {
        let checkpoint = Checkpoint::open(PATH).unwrap();
        let mut query = database.prepare(sql)?;
        for name in ["a", "b"] {
            database.load(&mut query, name, &checkpoint)?;
        }
        let mut rows = Vec::new();
        database.run(&mut query, &mut |row| {
            rows.push(crate::formats::json_of(&Value::List(row.to_vec())));
            ControlFlow::Continue(())
        })?;
        Ok(rows)
    }

    fn answer(sql: &str) -> Result<Vec<String>, Error> {
        rows(&mut Database::new(Bounds::default()).unwrap(), sql)
    }

    #[test]
    fn only_what_is_named_is_read() {
        let read = |sql: &str| {
            let query = prepared(sql).unwrap();
            let columns = |(table, columns): (&&str, &BTreeSet<usize>)| {
                let table = catalog::find(table).unwrap().table;
                let names: Vec<&str> = columns.iter().map(|&number| &*table.columns[number].name).collect();
                format!("{}({})", table.name, names.join(" "))
            };
            query.reads.iter().map(columns).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(read("SELECT 1"), "");
        assert_eq!(read("SELECT count(*) FROM mounts"), "mounts()");
        assert_eq!(read("SELECT archive FROM mounts"), "mounts()");
        assert_eq!(read("SELECT PID FROM Processes WHERE name = 'sh'"), "processes(pid name)");
        assert_eq!(
            read("SELECT p.name FROM processes p WHERE EXISTS (SELECT 1 FROM process_envs e WHERE e.pid = p.pid)"),
            "process_envs(pid) processes(pid name)"
        );
        assert_eq!(
            read("SELECT name FROM processes JOIN process_namespaces USING (pid)"),
            "process_namespaces(pid) processes(pid name)",
            "the engine does not ask for what USING reads"
        );
        assert_eq!(read("SELECT processes.name FROM processes NATURAL JOIN pipes").matches("pipes(").count(), 1);
        assert_eq!(read("WITH x AS (SELECT pid FROM threads) SELECT count(*) FROM x"), "threads(pid)");
    }

    #[test]
    fn all_columns_are_the_same_by_every_way() {
        let all = answer("SELECT * FROM processes ORDER BY pid, archive").unwrap();
        assert_eq!(all.len(), 4);
        let names: Vec<&str> = catalog::find("processes").unwrap().table.columns.iter().map(|c| &*c.name).collect();
        let quoted: Vec<String> = names.iter().map(|name| format!("p.\"{name}\"")).collect();
        let every = format!("SELECT p.archive, p.\"set\", {} FROM processes p", quoted.join(", "));
        assert_eq!(answer(&format!("{every} ORDER BY pid, archive")).unwrap(), all);
        let joined =
            format!("{every} NATURAL JOIN (SELECT archive, \"set\", pid FROM processes) ORDER BY pid, archive");
        assert_eq!(answer(&joined).unwrap(), all);
    }

    #[test]
    fn rows_come_in_the_order_of_their_table() {
        let all = ["[\"a\",1]", "[\"a\",6]", "[\"b\",1]", "[\"b\",6]"];
        assert_eq!(answer("SELECT archive, pid FROM processes").unwrap(), all, "no index changes that");
        let plan = answer("EXPLAIN QUERY PLAN SELECT 1 FROM processes WHERE pid = 1").unwrap();
        assert!(plan[0].contains("INDEX processes_pid"), "{plan:?}");
    }

    #[test]
    fn what_is_loaded_stays_and_grows() {
        let mut database = Database::new(Bounds::default()).unwrap();
        let name = rows(&mut database, "SELECT name FROM processes WHERE pid = 1").unwrap();
        assert_eq!(name, ["[\"tick\"]", "[\"tick\"]"]);
        let state = rows(&mut database, "SELECT state, name FROM processes WHERE pid = 1 AND archive = 'b'").unwrap();
        assert_eq!(state, ["[\"alive\",\"tick\"]"], "no row came twice, and what was there still is");
        assert_eq!(rows(&mut database, "SELECT count(*) FROM processes").unwrap(), ["[4]"]);
    }

    #[test]
    fn few_names_of_columns_need_quotes() {
        let reserved: Vec<String> = catalog::all()
            .flat_map(|source| source.table.columns.iter().map(|column| (&*source.table.name, &*column.name)))
            .filter(|(table, column)| prepared(&format!("SELECT {column} FROM {table}")).is_err())
            .map(|(table, column)| if table == "ipc" { format!("{table}.{column}") } else { column.to_owned() })
            .collect();
        let named: BTreeSet<&str> = reserved.iter().map(String::as_str).collect();
        assert_eq!(named, BTreeSet::from(["from", "ipc.values", "to"]), "docs/queries.md names those that do");
        let taken = catalog::all().filter(|source| source.table.column(ARCHIVE).is_some()).count();
        assert_eq!(taken, 0, "the column is ours");
    }

    #[test]
    fn a_query_cannot_leave_its_tables() {
        for (sql, what) in [
            ("ATTACH 'x.db' AS x", "ATTACH"),
            ("ATTACH ':memory:' AS x", "ATTACH"),
            ("DETACH main", "DETACH"),
            ("PRAGMA temp_store_directory = '/'", "PRAGMA temp_store_directory"),
            ("PRAGMA writable_schema = 1", "PRAGMA writable_schema"),
            ("PRAGMA hard_heap_limit", "PRAGMA hard_heap_limit"),
            ("SELECT * FROM pragma_table_info('processes')", "reading pragma_table_info"),
            ("SELECT count(*) FROM pragma_database_list", "reading pragma_database_list"),
            ("SELECT * FROM dbstat", "reading dbstat"),
            ("SELECT count(*) FROM dbstat", "reading dbstat"),
            ("SELECT load_extension('x')", "the function load_extension"),
            ("SELECT LOAD_EXTENSION('x', 'y')", "the function load_extension"),
            ("SELECT fts3_tokenizer('simple')", "the function fts3_tokenizer"),
            ("SELECT rtreecheck('main', 'x')", "the function rtreecheck"),
            ("SELECT sqlite_log(1, 'x')", "the function sqlite_log"),
            ("BEGIN", "a transaction"),
            ("SAVEPOINT x", "a transaction"),
            ("INSERT INTO processes (pid) VALUES (1)", "changing anything"),
            ("UPDATE processes SET pid = 1", "changing anything"),
            ("DELETE FROM processes", "changing anything"),
            ("DELETE FROM processes RETURNING pid", "changing anything"),
            ("WITH x AS (SELECT 1) INSERT INTO processes (pid) SELECT * FROM x", "changing anything"),
            ("DROP TABLE processes", "changing anything"),
            ("ALTER TABLE processes ADD COLUMN x", "changing anything"),
            ("CREATE TABLE x (y)", "changing anything"),
            ("CREATE TEMP TABLE x (y)", "changing anything"),
            ("CREATE VIEW x AS SELECT 1", "changing anything"),
            ("CREATE TEMP TRIGGER x INSERT ON processes BEGIN SELECT 1; END", "changing anything"),
            ("CREATE INDEX x ON processes (pid)", "changing anything"),
            ("CREATE VIRTUAL TABLE x USING fts5(y)", "changing anything"),
            ("CREATE VIRTUAL TABLE x USING csv(filename='/etc/passwd')", "changing anything"),
            ("VACUUM", "changing anything"),
            ("VACUUM INTO 'x.db'", "changing anything"),
            ("REINDEX", "changing anything"),
            ("ANALYZE", "changing anything"),
            ("SELECT 1; DROP TABLE processes", "changing anything"),
        ] {
            assert_eq!(prepared(sql).unwrap_err(), Error::Refused(what.to_owned()), "{sql}");
        }
        for function in ["readfile('/etc/passwd')", "writefile('x', 'y')", "edit('x')", "fsdir('/')", "shell('x')"] {
            let message = prepared(&format!("SELECT {function}")).unwrap_err().to_string();
            assert!(message.contains("no such function: "), "{message}");
        }
    }

    #[test]
    fn what_is_wrong_has_its_place_and_what_was_meant() {
        for (sql, message) in [
            ("SELECT * FORM processes", "line 1, column 10: near \"FORM\": syntax error; did you mean FROM?"),
            ("SELECT *\nFROM procesess", "line 2, column 6: no such table: procesess; did you mean processes?"),
            ("SELECT p.pth FROM processes p", "line 1, column 8: no such column: p.pth; did you mean path?"),
            ("SELECT 'é', regexpp(1, 2)", "line 1, column 13: no such function: regexpp; did you mean regexp?"),
            ("SELECT has_bit(1)", "line 1, column 8: wrong number of arguments to function has_bit()"),
            ("SELECT 1; SELECT 2", "more than one query; give one at a time"),
            (" -- nothing\n;", "there is no query"),
            ("SELECT ?1", "a query has no parameters"),
            ("SELECT 1\0; SELECT 2", "line 1, column 9: a query must not contain NUL"),
            ("SELECT (1", "line 1, column 10: incomplete input"),
        ] {
            let error = prepared(sql).err().map(|error| error.to_string());
            assert_eq!(error.as_deref(), Some(message), "{sql}");
        }
        let deep = format!("SELECT {}1{}", "(1+".repeat(400), ")".repeat(400));
        assert!(prepared(&deep).unwrap_err().to_string().contains("Expression tree is too large"));
        let many = format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(200));
        assert!(prepared(&many).unwrap_err().to_string().contains("too many terms in compound SELECT"));
        let long = format!("SELECT '{}'", "x".repeat(2 << 20));
        assert!(prepared(&long).unwrap_err().to_string().contains("too long"));
        assert!(answer("SELECT zeroblob(1 << 30)").unwrap_err().to_string().contains("too long"));
        assert!(answer("SELECT replace(hex(zeroblob(1 << 20)), '0', hex(zeroblob(1 << 20)))").is_err());
        assert_eq!(
            answer("SELECT in_network('10.0.0.1', 'x')").unwrap_err().to_string(),
            "in_network: x is not a network; write 10.0.0.0/8 or fc00::/7"
        );
    }

    #[test]
    fn time_is_bounded() {
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        let mut bounds = Bounds { time: Duration::from_millis(20), ..Bounds::default() };
        let mut database = Database::new(bounds.clone()).unwrap();
        assert_eq!(rows(&mut database, endless), Err(Error::TimedOut(bounds.time)));
        assert_eq!(rows(&mut database, "SELECT 1"), Ok(vec!["[1]".to_owned()]), "it still answers");
        bounds.time = Duration::ZERO;
        let mut database = Database::new(bounds.clone()).unwrap();
        assert_eq!(
            rows(&mut database, "SELECT pid FROM processes"),
            Err(Error::TimedOut(bounds.time)),
            "while it loads"
        );
    }

    /// A few steps of the engine may include many calls.
    #[test]
    fn functions_hear_the_clock() {
        let bounds = Bounds { time: Duration::from_mins(1), ..Bounds::default() };
        let mut database = Database::new(bounds.clone()).unwrap();
        database.begin_watch(|| true).unwrap();
        let _ = database.connection.progress_handler(0, None::<fn() -> bool>);
        let answered = database.connection.query_row("SELECT 'x' REGEXP 'x'", [], |row| row.get::<_, i64>(0));
        assert_eq!(database.failure(answered.unwrap_err(), ""), Error::TimedOut(bounds.time));
        assert_eq!(rows(&mut database, "SELECT 'x' REGEXP 'x'"), Ok(vec!["[1]".to_owned()]), "it still answers");
    }

    #[test]
    fn queries_stop_when_they_are_told_to() {
        let stop = Arc::new(AtomicBool::new(false));
        let mut database = Database::stoppable(Bounds::default(), Arc::clone(&stop)).unwrap();
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        let asked = std::thread::spawn(move || (rows(&mut database, endless), database));
        std::thread::sleep(Duration::from_millis(20));
        stop.store(true, Ordering::Relaxed);
        let (answered, mut database) = asked.join().unwrap();
        assert_eq!(answered, Err(Error::Stopped));
        assert_eq!(rows(&mut database, "SELECT pid FROM processes"), Err(Error::Stopped), "while it loads");
        stop.store(false, Ordering::Relaxed);
        assert_eq!(rows(&mut database, "SELECT 1"), Ok(vec!["[1]".to_owned()]), "it still answers");
    }

    #[test]
    fn columns_hold_numbers_that_the_engine_does_not_have() {
        let connection = Connection::open_in_memory().unwrap();
        let most = u64::MAX.to_string();
        let mut wide = 0;
        for table in catalog::all().map(|source| source.table) {
            connection.execute(&definition(table), []).unwrap();
            for (number, column) in table.columns.iter().enumerate().filter(|(_, column)| column.wide) {
                connection.execute(&insertion(table, &BTreeSet::from([number])), ["a", "", &most]).unwrap();
                let sql = format!("DELETE FROM {} RETURNING \"{}\"", table.name, column.name);
                let held: String = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
                assert_eq!(held, most, "{}.{}", table.name, column.name);
                wide += 1;
            }
        }
        assert!(wide > 0);
    }

    #[test]
    fn a_sink_that_has_enough_gets_no_more() {
        let mut database = Database::new(Bounds::default()).unwrap();
        let mut query = database.prepare("VALUES (1), (2), (3)").unwrap();
        let mut seen = 0;
        let sink = &mut |_: &[Value<'_>]| {
            seen += 1;
            ControlFlow::Break(())
        };
        database.run(&mut query, sink).unwrap();
        assert_eq!(seen, 1);
    }
}
