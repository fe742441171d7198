//! What rows and columns are called elsewhere: in the Elastic Common Schema (ECS), in the Open Cybersecurity Schema
//! Framework (OCSF) and in Timesketch. A table says it beside its name, a column beside its documentation; the formats
//! only follow. What says nothing comes out under its own name, so a new table needs no mapping to be of use.

/// What a row of a table tells a SIEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// ECS `event.kind`: `state`, `event`, or `pipeline_error` for what went wrong with the archive itself.
    pub kind: &'static str,
    /// ECS `event.category`; if there is none, `process` for rows with a pid and `host` for others.
    pub categories: &'static [&'static str],
    /// ECS `event.action`; empty for the table's name.
    pub action: &'static str,
    /// What the row describes.
    pub subject: Subject,
    /// Where columns without an ECS field stand, below `cryoscope`; empty for the table's name.
    pub prefix: &'static str,
    /// The protocol of all connections of the table, if it has no column for it.
    pub transport: Option<&'static str>,
    /// What is not spread, unless it is asked for.
    pub secrets: Option<Secrets>,
    /// The column with the moment at which it happened. Rows without are of the moment of the checkpoint.
    pub at: Option<&'static str>,
    /// Whether a row is a process, as a whole: rules about starts of processes may be asked of it.
    pub existence: bool,
}

/// Columns whose values are secrets more often than not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// Their names.
    pub columns: &'static [&'static str],
    /// Only of rows that have this text in this column.
    pub only_if: Option<(&'static str, &'static str)>,
    /// A column that is a secret, too, in rows in which another one, the second, is null.
    pub nameless: Option<(&'static str, &'static str)>,
}

/// What a row describes. OCSF has an object for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// The container as a whole.
    Device,
    /// A process, or what belongs to one.
    Process,
    /// An end of a connection.
    Connection,
    /// A file.
    File,
    /// A folder, or what is mounted there.
    Folder,
    /// A part of a process's memory.
    Module,
    /// A network device.
    Interface,
    /// Something else: of a process if it has a pid, else of the kernel.
    Other,
    /// The archive, or a record that lies in it: it tells of no thing that was there at the moment of the dump.
    Record,
    /// What went wrong with the archive.
    Fault,
}

impl Event {
    /// What is true of tables that say nothing.
    pub const PLAIN: Event = Event {
        kind: "state",
        categories: &[],
        action: "",
        subject: Subject::Other,
        prefix: "",
        transport: None,
        secrets: None,
        at: None,
        existence: false,
    };

    /// Rows that tell how something was at the moment of the checkpoint.
    pub const fn state(categories: &'static [&'static str], action: &'static str) -> Self {
        Event { categories, action, ..Event::PLAIN }
    }

    /// Rows that tell that something happened, and when: a column of times.
    pub const fn happened(categories: &'static [&'static str], action: &'static str, at: &'static str) -> Self {
        Event { kind: "event", at: Some(at), ..Event::state(categories, action) }
    }

    /// Rows that tell what went wrong with the archive.
    pub const fn error(action: &'static str) -> Self {
        // Of the categories that there are, it is the one about what was looked at as a whole.
        Event { kind: "pipeline_error", categories: &["host"], action, subject: Subject::Fault, ..Event::PLAIN }
    }

    /// The same, with what rows describe.
    #[must_use]
    pub const fn about(self, subject: Subject) -> Self {
        Event { subject, ..self }
    }

    /// The same, where each row is a process.
    #[must_use]
    pub const fn processes(self) -> Self {
        Event { existence: true, ..self.about(Subject::Process) }
    }

    /// The same, of connections of one protocol.
    #[must_use]
    pub const fn over(self, transport: &'static str) -> Self {
        Event { transport: Some(transport), ..self }
    }

    /// The same, with columns that hold secrets.
    #[must_use]
    pub const fn secret(self, columns: &'static [&'static str]) -> Self {
        Event { secrets: Some(Secrets { columns, only_if: None, nameless: None }), ..self }
    }

    /// The same, with a column that holds what is left of a secret in rows in which another, a column of secrets, is null.
    #[must_use]
    pub const fn nameless(self, column: &'static str, other: &'static str) -> Self {
        match self.secrets {
            Some(secrets) => Event { secrets: Some(Secrets { nameless: Some((column, other)), ..secrets }), ..self },
            None => self,
        }
    }

    /// The same, with columns that hold secrets in rows that have a text in a column.
    #[must_use]
    pub const fn secret_if(self, column: &'static str, text: &'static str, columns: &'static [&'static str]) -> Self {
        Event { secrets: Some(Secrets { columns, only_if: Some((column, text)), nameless: None }), ..self }
    }

    /// The same, with the name below `cryoscope` for columns that ECS does not know.
    #[must_use]
    pub const fn under(self, prefix: &'static str) -> Self {
        Event { prefix, ..self }
    }
}

/// A field in another schema that a column's value goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whose field.
    pub system: System,
    /// Its name, with dots between levels. OCSF: below `query_evidence`, or `device` for [`Subject::Device`].
    pub field: &'static str,
    /// How the value is written there.
    pub form: Form,
    /// Only in the row's own document, not in those of other rows of the checkpoint (columns of `container`).
    pub own: bool,
}

/// A schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum System {
    /// The Elastic Common Schema.
    Ecs,
    /// The Open Cybersecurity Schema Framework.
    Ocsf,
    /// Timesketch. Its documents have all columns by their names; a target is one more name, or what a time means.
    Timesketch,
    /// An end of a connection: `local.ip`, `local.port`, `remote.ip`, `remote.port`, `transport`, `state`, `family` or
    /// `namespace`. Formats make source and destination of them.
    Flow,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// As it is.
    Plain,
    /// A number as text.
    Text,
    /// Text in lower case.
    Lower,
    /// The process of a pid, with what is known of it.
    Process,
    /// The names of a mask's capabilities.
    Capabilities,
    /// An absolute path, without ` (deleted)`; anything else is no path.
    Path,
    /// A type of files, by the schema's own names.
    FileType,
    /// A reference of an image: its name, and its tag beside it.
    Image,
    /// Digests, without the name of the image before them.
    Digest,
    /// The first of several values.
    First,
    /// Text that is a UUID; anything else is none.
    Uuid,
    /// Named values, with names that have no dots.
    Labels,
    /// Named values, as a list of `name:value`.
    Pairs,
    /// The state of a TCP connection, by the schema's own numbers.
    TcpState,
    /// What became of a file, as a type of events.
    ChangeType,
    /// A digest, as the schema's object for it.
    Sha256,
    /// A time, as milliseconds since 1970.
    Millis,
    /// Octal digits, as a number.
    Octal,
    /// What a time means; the field is the description.
    Moment,
    /// One of the values that searches find a document by, beside where it stands.
    Related,
}

/// A field of ECS.
pub(crate) const fn ecs(field: &'static str) -> Target {
    Target { system: System::Ecs, field, form: Form::Plain, own: false }
}

/// A field of OCSF.
pub(crate) const fn ocsf(field: &'static str) -> Target {
    Target { system: System::Ocsf, ..ecs(field) }
}

/// A field of Timesketch.
pub(crate) const fn timesketch(field: &'static str) -> Target {
    Target { system: System::Timesketch, ..ecs(field) }
}

/// A part of a connection.
pub(crate) const fn flow(field: &'static str) -> Target {
    Target { system: System::Flow, ..ecs(field) }
}

/// What a time means, in Timesketch's words.
pub(crate) const fn moment(description: &'static str) -> Target {
    Target { system: System::Timesketch, form: Form::Moment, ..ecs(description) }
}

impl Target {
    /// The same, in a form.
    #[must_use]
    pub const fn form(self, form: Form) -> Self {
        Target { form, ..self }
    }

    /// The same, a number as text.
    #[must_use]
    pub const fn text(self) -> Self {
        self.form(Form::Text)
    }

    /// The same, a pid as the process that it is of.
    #[must_use]
    pub const fn process(self) -> Self {
        self.form(Form::Process)
    }

    /// The same, a path.
    #[must_use]
    pub const fn path(self) -> Self {
        self.form(Form::Path)
    }

    /// The same, one of the values of a list that searches find a document by.
    #[must_use]
    pub const fn related(self) -> Self {
        self.form(Form::Related)
    }

    /// The same, in the row's own document only.
    #[must_use]
    pub const fn own(self) -> Self {
        Target { own: true, ..self }
    }
}

/// What a column named `pid` goes to unless it says otherwise: it means the same in all tables.
pub(super) const PID: &[Target] = &[ecs("process").process(), ocsf("process").process()];
