//! Mappings of rows and columns to the Elastic Common Schema (ECS), the Open Cybersecurity Schema Framework (OCSF) and
//! Timesketch. They are declared next to the name of a table and the documentation of a column; formats only apply
//! them. Without a mapping, values are written under their own names, so a new table is useful at once.

/// Mapping of a table's rows for a SIEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// ECS `event.kind`: `state`, `event`, `pipeline_error` for problems with the archive itself, or `alert` for
    /// findings.
    pub kind: &'static str,
    /// ECS `event.category`. If empty: `process` for rows with a pid, `host` for others.
    pub categories: &'static [&'static str],
    /// ECS `event.action`. If empty: the name of the table.
    pub action: &'static str,
    /// The subject of the row.
    pub subject: Subject,
    /// Name under `cryoscope` for columns without an ECS field. If empty: the name of the table.
    pub prefix: &'static str,
    /// The protocol of all connections in the table, if it has no column for it.
    pub transport: Option<&'static str>,
    /// Values that are withheld by default.
    pub secrets: Option<Secrets>,
    /// The column with the time of the event. Rows without one happened at the time of the dump.
    pub at: Option<&'static str>,
    /// Whether each row describes a whole process, so that rules about process starts apply.
    pub existence: bool,
}

/// Columns whose values are often secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// Names of the columns.
    pub columns: &'static [&'static str],
    /// Restricts this to rows with this text in this column.
    pub only_if: Option<(&'static str, &'static str)>,
    /// The first column is secret, too, in rows where the second is null.
    pub nameless: Option<(&'static str, &'static str)>,
}

/// The subject of a row. OCSF has an object for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// The container as a whole.
    Device,
    /// A process, or something that belongs to one.
    Process,
    /// One end of a connection.
    Connection,
    /// A file.
    File,
    /// A directory, or something mounted there.
    Folder,
    /// A part of a process's memory.
    Module,
    /// A network device.
    Interface,
    /// Anything else: part of a process if the row has a pid, otherwise of the kernel.
    Other,
    /// The archive, or a record in it. It says nothing about the state at the time of the dump.
    Record,
    /// A problem with the archive.
    Fault,
    /// A judgement about something in the checkpoint.
    Finding,
}

impl Event {
    /// The mapping of tables that declare none.
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

    /// Rows that describe a state at the time of the dump.
    pub const fn state(categories: &'static [&'static str], action: &'static str) -> Self {
        Event { categories, action, ..Event::PLAIN }
    }

    /// Rows that describe an event, whose time is in a column.
    pub const fn happened(categories: &'static [&'static str], action: &'static str, at: &'static str) -> Self {
        Event { kind: "event", at: Some(at), ..Event::state(categories, action) }
    }

    /// Rows that describe a problem with the archive.
    pub const fn error(action: &'static str) -> Self {
        // Of the available categories, this is the one about the examined system as a whole.
        Event { kind: "pipeline_error", categories: &["host"], action, subject: Subject::Fault, ..Event::PLAIN }
    }

    /// Rows that are findings. Those that are too mild for an alert are events.
    pub const fn finding() -> Self {
        Event {
            kind: "alert",
            subject: Subject::Finding,
            prefix: "finding",
            ..Event::state(&["intrusion_detection"], "rule_name")
        }
    }

    /// Sets the subject of rows.
    #[must_use]
    pub const fn about(self, subject: Subject) -> Self {
        Event { subject, ..self }
    }

    /// Declares that each row is a process.
    #[must_use]
    pub const fn processes(self) -> Self {
        Event { existence: true, ..self.about(Subject::Process) }
    }

    /// Sets the protocol of all connections.
    #[must_use]
    pub const fn over(self, transport: &'static str) -> Self {
        Event { transport: Some(transport), ..self }
    }

    /// Sets the columns that hold secrets.
    #[must_use]
    pub const fn secret(self, columns: &'static [&'static str]) -> Self {
        Event { secrets: Some(Secrets { columns, only_if: None, nameless: None }), ..self }
    }

    /// Sets a column that is secret in rows where another column of secrets is null.
    #[must_use]
    pub const fn nameless(self, column: &'static str, other: &'static str) -> Self {
        match self.secrets {
            Some(secrets) => Event { secrets: Some(Secrets { nameless: Some((column, other)), ..secrets }), ..self },
            None => self,
        }
    }

    /// Sets columns that are secret in rows with a given text in a column.
    #[must_use]
    pub const fn secret_if(self, column: &'static str, text: &'static str, columns: &'static [&'static str]) -> Self {
        Event { secrets: Some(Secrets { columns, only_if: Some((column, text)), nameless: None }), ..self }
    }

    /// Sets the name under `cryoscope` for columns without an ECS field.
    #[must_use]
    pub const fn under(self, prefix: &'static str) -> Self {
        Event { prefix, ..self }
    }
}

/// A field of another schema for a column's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The schema.
    pub system: System,
    /// Name, with dots between levels. In OCSF it is below `query_evidence`, or below `device` for [`Subject::Device`].
    pub field: &'static str,
    /// How the value is written.
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
    /// Timesketch. Its documents have all columns under their names. A target is an additional name, or the meaning of
    /// a time.
    Timesketch,
    /// One end of a connection: `local.ip`, `local.port`, `remote.ip`, `remote.port`, `transport`, `state`, `family` or
    /// `namespace`. Formats turn these into source and destination.
    Flow,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// Unchanged.
    Plain,
    /// A number as text.
    Text,
    /// Text in lower case.
    Lower,
    /// The process with a pid, and its known properties.
    Process,
    /// The names of the capabilities in a mask.
    Capabilities,
    /// An absolute path, without ` (deleted)`. Other text is not accepted.
    Path,
    /// A file type, in the schema's own words.
    FileType,
    /// An image reference: its name, with its tag in a field of its own.
    Image,
    /// Digests, without the image name before them.
    Digest,
    /// The first of several values.
    First,
    /// A UUID. Other text is not accepted.
    Uuid,
    /// Named values. Dots in names are replaced.
    Labels,
    /// Named values, as a list of `name:value`.
    Pairs,
    /// The state of a TCP connection, as the schema's number.
    TcpState,
    /// The change of a file, as an event type.
    ChangeType,
    /// A digest, as the schema's object.
    Sha256,
    /// A time, as milliseconds since 1970.
    Millis,
    /// Octal digits, converted to a number.
    Octal,
    /// The meaning of a time. The field is the description.
    Moment,
    /// A value in a list for searching, in addition to its own field.
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

/// The meaning of a time, in Timesketch's words.
pub(crate) const fn moment(description: &'static str) -> Target {
    Target { system: System::Timesketch, form: Form::Moment, ..ecs(description) }
}

impl Target {
    /// Sets the form.
    #[must_use]
    pub const fn form(self, form: Form) -> Self {
        Target { form, ..self }
    }

    /// Writes a number as text.
    #[must_use]
    pub const fn text(self) -> Self {
        self.form(Form::Text)
    }

    /// Writes the process with this pid.
    #[must_use]
    pub const fn process(self) -> Self {
        self.form(Form::Process)
    }

    /// Writes a path.
    #[must_use]
    pub const fn path(self) -> Self {
        self.form(Form::Path)
    }

    /// Adds the value to a list for searching.
    #[must_use]
    pub const fn related(self) -> Self {
        self.form(Form::Related)
    }

    /// Only in the row's own document.
    #[must_use]
    pub const fn own(self) -> Self {
        Target { own: true, ..self }
    }
}

/// Default fields of a column named `pid`, which means the same in all tables.
pub(super) const PID: &[Target] = &[ecs("process").process(), ocsf("process").process()];
