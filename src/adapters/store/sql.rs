//! A statement put together piece by piece. `sqlx::QueryBuilder` writes `?` for every database
//! behind `Any`, which PostgreSQL does not take; this one writes `$1`, `$2`, which both do.

use std::fmt::Write;

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Any, AnyConnection, Arguments, AssertSqlSafe, Encode, Executor, Type};

/// What the library calls it.
const SQLITE: &str = "SQLite";

pub(super) struct Sql {
    text: String,
    /// The same with `?` for each value: SQLite looks a numbered one up among all others, which
    /// for hundreds of rows costs more than to write them.
    unnumbered: String,
    arguments: AnyArguments,
    /// The first value that could not be bound, told when the statement runs.
    error: Option<sqlx::Error>,
}

impl Sql {
    pub(super) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let unnumbered = text.clone();
        Self { text, unnumbered, arguments: AnyArguments::default(), error: None }
    }

    /// Never a value from outside: those are bound.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self.unnumbered.push_str(text);
        self
    }

    pub(super) fn bind<T>(&mut self, value: T) -> &mut Self
    where
        T: for<'q> Encode<'q, Any> + Type<Any>,
    {
        match self.arguments.add(value) {
            Ok(()) => {
                let number = self.arguments.len();
                // Writing to a string does not fail.
                let _ = write!(self.text, "${number}");
                self.unnumbered.push('?');
            }
            Err(error) => self.error = self.error.take().or(Some(sqlx::Error::Encode(error))),
        }
        self
    }

    /// `$1, $2, $3`.
    pub(super) fn list<T>(&mut self, values: impl IntoIterator<Item = T>) -> &mut Self
    where
        T: for<'q> Encode<'q, Any> + Type<Any>,
    {
        for (place, value) in values.into_iter().enumerate() {
            if place > 0 {
                self.push(", ");
            }
            self.bind(value);
        }
        self
    }

    pub(super) async fn execute(self, on: &mut AnyConnection) -> Result<(), sqlx::Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let text = if on.backend_name() == SQLITE { self.unnumbered } else { self.text };
        sqlx::query_with(AssertSqlSafe(text), self.arguments).execute(on).await.map(drop)
    }

    pub(super) async fn rows<'c>(
        self,
        on: impl Executor<'c, Database = Any>,
    ) -> Result<Vec<AnyRow>, sqlx::Error> {
        match self.error {
            Some(error) => Err(error),
            None => sqlx::query_with(AssertSqlSafe(self.text), self.arguments).fetch_all(on).await,
        }
    }
}

/// PostgreSQL keeps no NUL in a text, and whoever writes the logs must not be able to stop the
/// store with one.
pub(super) fn text(value: &str) -> String {
    value.replace('\0', "\u{fffd}")
}

/// A pattern for `LIKE ... ESCAPE '\'` that finds `value` anywhere.
pub(super) fn anywhere(value: &str) -> String {
    let mut pattern = String::from("%");
    for c in text(value).chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
