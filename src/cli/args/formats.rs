//! The formats that commands offer: those of rows, and their own.

use std::sync::LazyLock;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use cryoscope::formats::Format;

/// Defines the formats of rows: one line for each, with its name in the library.
macro_rules! row_formats {
    ($($(#[$attribute:meta])* $name:ident: $format:ident;)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum RowFormat {
            $($(#[$attribute])* $name,)+
        }

        impl RowFormat {
            const ALL: &[RowFormat] = &[$($(#[$attribute])* RowFormat::$name,)+];

            /// The format in the library.
            pub(crate) fn format(self) -> Format {
                match self {
                    $($(#[$attribute])* RowFormat::$name => Format::$format,)+
                }
            }
        }
    };
}

row_formats! {
    Table: TABLE;
    Json: JSON;
    Ndjson: NDJSON;
    Csv: CSV;
    Ecs: ECS;
    Ocsf: OCSF;
    Timesketch: TIMESKETCH;
    Bulk: BULK;
    Hec: HEC;
    #[cfg(feature = "parquet")]
    Parquet: PARQUET;
}

impl ValueEnum for RowFormat {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let format = self.format();
        Some(PossibleValue::new(format.name()).help(format.doc()))
    }
}

/// Defines the formats of a command that has others besides those of rows.
macro_rules! formats {
    ($name:ident: $($own:ident $own_name:literal $own_help:literal),+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($own,)+
            Rows(RowFormat),
        }

        impl ValueEnum for $name {
            fn value_variants<'a>() -> &'a [Self] {
                static ALL: LazyLock<Vec<$name>> = LazyLock::new(|| {
                    [$($name::$own),+].into_iter().chain(RowFormat::ALL.iter().copied().map($name::Rows)).collect()
                });
                &ALL
            }

            fn to_possible_value(&self) -> Option<PossibleValue> {
                match self {
                    $($name::$own => Some(PossibleValue::new($own_name).help($own_help)),)+
                    $name::Rows(format) => format.to_possible_value(),
                }
            }
        }
    };
}

formats! { ScanFormat: Text "text" "Findings as text, grouped" }

formats! { ListFormat: CheckpointctlJson "checkpointctl-json" "The keys of checkpointctl's JSON" }

formats! {
    InspectFormat: Tree "tree" "A tree", CheckpointctlJson "checkpointctl-json" "The keys of checkpointctl's JSON"
}
