//! The modifiers after a field's name, and which of them go together.

use super::{
    error::Problem,
    matcher::{Operator, Relation},
    pattern::Wide,
    text_set::Flags,
    time_part::TimePart,
};

const KNOWN: &str = "all, startswith, endswith, contains, exists, cased, neq, windash, re, i, m, \
                     s, base64, base64offset, utf16le, utf16be, utf16, wide, lt, lte, gt, gte, \
                     minute, hour, day, week, month, year, cidr, expand, fieldref";

/// What changes a text before it is compared, in the order written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextStep {
    Shape(Shape),
    Dashes,
    Wide(Wide),
    Base64,
    Base64Offset,
}

/// Where in the field's text the value is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Start,
    End,
    Anywhere,
}

/// What the values are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Meaning {
    #[default]
    Values,
    Regex(Flags),
    Network,
    Exists,
    Field(Relation),
    /// Numbers, of the field itself or of a part of the time it holds.
    Number {
        part: Option<TimePart>,
        operator: Operator,
    },
}

/// All modifiers of one field, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Modifiers {
    pub all: bool,
    pub neq: bool,
    pub cased: bool,
    pub expand: bool,
    pub steps: Vec<TextStep>,
    pub meaning: Meaning,
}

impl Modifiers {
    pub fn parse<'k>(words: impl Iterator<Item = &'k str>) -> Result<Self, Problem> {
        let words: Vec<&str> = words.collect();
        let mut read = Reader::default();
        for (index, word) in words.iter().enumerate() {
            if words[..index].contains(word) {
                return Err(Problem::Modifier { modifier: known(word)?, reason: "appears twice" });
            }
            read.take(known(word)?)?;
        }
        read.finish()
    }
}

/// The modifier of this name, with our lifetime for error messages.
fn known(word: &str) -> Result<&'static str, Problem> {
    KNOWN
        .split(", ")
        .find(|known| *known == word)
        .ok_or_else(|| Problem::UnknownModifier { modifier: word.to_owned(), known: KNOWN })
}

#[derive(Default)]
struct Reader {
    out: Modifiers,
    regex: Option<Flags>,
    network: Option<&'static str>,
    exists: Option<&'static str>,
    field: Option<&'static str>,
    part: Option<TimePart>,
    operator: Option<Operator>,
    text: Option<&'static str>,
}

impl Reader {
    fn take(&mut self, word: &'static str) -> Result<(), Problem> {
        match word {
            "all" => self.out.all = true,
            "neq" => self.out.neq = true,
            "cased" => self.out.cased = true,
            "expand" => self.out.expand = true,
            "exists" => self.exists = Some(word),
            "cidr" => self.network = Some(word),
            "fieldref" => self.field = Some(word),
            "re" => self.regex = Some(Flags::default()),
            "i" | "m" | "s" => self.regex_flag(word)?,
            "lt" => self.operator(word, Operator::Less)?,
            "lte" => self.operator(word, Operator::LessOrEqual)?,
            "gt" => self.operator(word, Operator::Greater)?,
            "gte" => self.operator(word, Operator::GreaterOrEqual)?,
            "minute" => self.part(word, TimePart::Minute)?,
            "hour" => self.part(word, TimePart::Hour)?,
            "day" => self.part(word, TimePart::Day)?,
            "week" => self.part(word, TimePart::Week)?,
            "month" => self.part(word, TimePart::Month)?,
            "year" => self.part(word, TimePart::Year)?,
            _ => self.text_step(word)?,
        }
        Ok(())
    }

    fn text_step(&mut self, word: &'static str) -> Result<(), Problem> {
        let step = match word {
            "startswith" => TextStep::Shape(Shape::Start),
            "endswith" => TextStep::Shape(Shape::End),
            "contains" => TextStep::Shape(Shape::Anywhere),
            "windash" => TextStep::Dashes,
            "utf16le" | "wide" => TextStep::Wide(Wide::Little),
            "utf16be" => TextStep::Wide(Wide::Big),
            "utf16" => TextStep::Wide(Wide::Marked),
            "base64" => TextStep::Base64,
            _ => TextStep::Base64Offset,
        };
        let same_kind = |other: &TextStep| {
            matches!(
                (step, other),
                (TextStep::Shape(_), TextStep::Shape(_))
                    | (TextStep::Wide(_), TextStep::Wide(_))
                    | (
                        TextStep::Base64 | TextStep::Base64Offset,
                        TextStep::Base64 | TextStep::Base64Offset
                    )
            )
        };
        if self.out.steps.iter().any(same_kind) {
            let reason = "contradicts another of its kind";
            return Err(Problem::Modifier { modifier: word, reason });
        }
        // A shape may also say how a field stands to another; the rest is about values only.
        if !matches!(step, TextStep::Shape(_)) || self.text.is_none() {
            self.text = Some(word);
        }
        self.out.steps.push(step);
        Ok(())
    }

    fn regex_flag(&mut self, word: &'static str) -> Result<(), Problem> {
        let Some(flags) = &mut self.regex else {
            return Err(Problem::Modifier { modifier: word, reason: "needs `re` before it" });
        };
        match word {
            "i" => flags.ignore_case = true,
            "m" => flags.multi_line = true,
            _ => flags.dot_all = true,
        }
        Ok(())
    }

    fn operator(&mut self, word: &'static str, operator: Operator) -> Result<(), Problem> {
        if self.operator.replace(operator).is_some() {
            return Err(Problem::Modifier { modifier: word, reason: "contradicts another bound" });
        }
        Ok(())
    }

    fn part(&mut self, word: &'static str, part: TimePart) -> Result<(), Problem> {
        if self.part.replace(part).is_some() {
            let reason = "contradicts another part of the time";
            return Err(Problem::Modifier { modifier: word, reason });
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Modifiers, Problem> {
        let numeric = self.operator.is_some() || self.part.is_some();
        let meanings = [
            ("re", self.regex.is_some()),
            ("cidr", self.network.is_some()),
            ("exists", self.exists.is_some()),
            ("fieldref", self.field.is_some()),
            ("a number or time modifier", numeric),
        ];
        let mut chosen = meanings.iter().filter(|(_, chosen)| *chosen).map(|(word, _)| *word);
        let Some(meaning) = chosen.next() else { return Ok(self.out) };
        let refuse = |modifier, reason| Err(Problem::Modifier { modifier, reason });
        if chosen.next().is_some() {
            return refuse(meaning, "does not go with the other modifiers");
        }
        if let Some(word) = self.text
            && (self.field.is_none() || self.out.steps.len() > 1 || !is_shape(&self.out.steps))
        {
            return refuse(word, "is for plain values");
        }
        if self.out.cased && self.field.is_none() {
            return refuse("cased", "is for plain values");
        }
        let alone = self.out.all || self.out.neq || self.out.expand;
        if self.exists.is_some() && alone {
            return refuse("exists", "stands alone");
        }
        if self.out.expand && (numeric || self.field.is_some()) {
            return refuse("expand", "is for texts");
        }
        self.out.meaning = if let Some(flags) = self.regex {
            Meaning::Regex(flags)
        } else if self.network.is_some() {
            Meaning::Network
        } else if self.exists.is_some() {
            Meaning::Exists
        } else if self.field.is_some() {
            Meaning::Field(match self.out.steps.pop() {
                Some(TextStep::Shape(Shape::Start)) => Relation::StartsWith,
                Some(TextStep::Shape(Shape::End)) => Relation::EndsWith,
                Some(TextStep::Shape(Shape::Anywhere)) => Relation::Contains,
                _ => Relation::Equal,
            })
        } else {
            let operator = self.operator.unwrap_or(Operator::Equal);
            Meaning::Number { part: self.part, operator }
        };
        Ok(self.out)
    }
}

fn is_shape(steps: &[TextStep]) -> bool {
    matches!(steps, [TextStep::Shape(_)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str, expected: &str) {
        let shown = match Modifiers::parse(words.split('|').filter(|word| !word.is_empty())) {
            Ok(_) => "fine".to_owned(),
            Err(problem) => problem.to_string(),
        };
        assert_eq!(shown, expected, "{words}");
    }

    #[test]
    fn takes_what_goes_together() {
        for words in [
            "",
            "all",
            "contains|all",
            "endswith|windash",
            "wide|base64offset|contains",
            "re|i|m|s",
            "hour|gte",
            "fieldref|neq",
            "fieldref|startswith",
            "startswith|fieldref|cased",
            "exists",
            "cidr|neq",
            "contains|expand",
            "cased|contains",
            "re|all",
            "neq|contains",
            "utf16be|base64",
            "re|expand",
            "lt|neq",
        ] {
            check(words, "fine");
        }
    }

    #[test]
    fn refuses_contradictions() {
        check("contains|endswith", "modifier `endswith` contradicts another of its kind");
        check("re|contains", "modifier `contains` is for plain values");
        check("re|cidr", "modifier `re` does not go with the other modifiers");
        check("i", "modifier `i` needs `re` before it");
        check("lt|gt", "modifier `gt` contradicts another bound");
        check("hour|day", "modifier `day` contradicts another part of the time");
        check("exists|all", "modifier `exists` stands alone");
        check("all|all", "modifier `all` appears twice");
        check("fieldref|base64", "modifier `base64` is for plain values");
        check("cidr|cased", "modifier `cased` is for plain values");
        check("near", &format!("unknown modifier `near`, known are {KNOWN}"));
    }
}
