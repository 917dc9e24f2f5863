//! The results of `finwait probe` as JUnit XML, which most pipelines show.

use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

use finwait_probe::Word;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::report::{Counts, Report, Row};
use crate::exit::{Exit, Failure};
use crate::file;

/// The file, open.
#[derive(Debug)]
pub(super) struct Junit {
    name: String,
    file: File,
}

type Xml = Writer<Vec<u8>>;

impl Junit {
    pub(super) fn create(name: &str) -> Result<Self, Failure> {
        if name == "-" {
            return Err(Failure::usage(
                "--junit -: stdout is for the card; give a file",
            ));
        }
        // In the words of std: ours are made for sockets.
        let file = file::create(name).map_err(|error| {
            let message = format!("--junit '{name}': cannot be written: {error}");
            Failure::new(Exit::ResultsLost, message)
        })?;
        Ok(Self {
            name: name.to_owned(),
            file,
        })
    }

    /// Writes it; on failure what is to be said of it.
    pub(super) fn write(self, target: &str, report: &Report) -> Result<(), String> {
        self.save(document(target, report))
    }

    /// The same of a target of which nothing could be tested.
    pub(super) fn write_unfit(self, target: &str, why: &str) -> Result<(), String> {
        self.save(unfit(target, why))
    }

    fn save(mut self, document: io::Result<Vec<u8>>) -> Result<(), String> {
        let written = document.and_then(|bytes| {
            self.file.write_all(&bytes)?;
            self.file.flush()
        });
        written.map_err(|error| format!("--junit '{}': not complete: {error}", self.name))
    }
}

fn document(target: &str, report: &Report) -> io::Result<Vec<u8>> {
    let mut xml = begin()?;
    let suites = xml
        .create_element("testsuites")
        .with_attribute(("name", NAME));
    let suites = counted(suites, &report.checks);
    suites.write_inner_content(|xml| {
        for rows in report.groups() {
            let suite = xml
                .create_element("testsuite")
                .with_attribute(("name", rows[0].group));
            counted(suite, rows).write_inner_content(|xml| {
                property(xml, target)?;
                rows.iter().try_for_each(|row| case(xml, row))
            })?;
        }
        Ok(())
    })?;
    Ok(end(xml))
}

const NAME: &str = "finwait probe";

type Element<'a> = quick_xml::writer::ElementWriter<'a, Vec<u8>>;

fn counted<'a>(element: Element<'a>, rows: &[Row]) -> Element<'a> {
    let counts = Counts::of(rows);
    let failures = rows
        .iter()
        .filter(|row| row.failed && row.word != Word::Error)
        .count();
    let took = rows.iter().map(|row| row.took_us).sum();
    let [tests, failures, errors, skipped] =
        [rows.len(), failures, counts.error, counts.skip].map(|count| count.to_string());
    element
        .with_attribute(("tests", tests.as_str()))
        .with_attribute(("failures", failures.as_str()))
        .with_attribute(("errors", errors.as_str()))
        .with_attribute(("skipped", skipped.as_str()))
        .with_attribute(("time", seconds(took).as_str()))
}

fn property(xml: &mut Xml, target: &str) -> io::Result<()> {
    xml.create_element("properties")
        .write_inner_content(|xml| {
            xml.create_element("property")
                .with_attribute(("name", "target"))
                .with_attribute(("value", clean(target).as_str()))
                .write_empty()?;
            Ok(())
        })?;
    Ok(())
}

fn case(xml: &mut Xml, row: &Row) -> io::Result<()> {
    let name = format!("{} {}", row.id, row.title);
    let case = xml
        .create_element("testcase")
        .with_attribute(("classname", row.group))
        .with_attribute(("name", name.as_str()))
        .with_attribute(("time", seconds(row.took_us).as_str()));
    let details = clean(&row.details());
    let (word, severity) = (row.word, row.severity.to_string());
    case.write_inner_content(|xml| {
        let text = format!(
            "{word}: served {}, closed {}; {details}\nremedy: {}",
            row.service, row.closing, row.remedy
        );
        match word {
            Word::Skip => {
                let skipped = xml.create_element("skipped");
                skipped
                    .with_attribute(("message", details.as_str()))
                    .write_empty()?;
            }
            Word::Error => {
                let error = xml
                    .create_element("error")
                    .with_attribute(("type", severity.as_str()));
                let error = error.with_attribute(("message", details.as_str()));
                error.write_text_content(BytesText::new(&text))?;
            }
            _ if row.failed => {
                let failure = xml.create_element("failure");
                let failure = failure.with_attribute(("type", severity.as_str()));
                let failure = failure.with_attribute(("message", details.as_str()));
                failure.write_text_content(BytesText::new(&text))?;
            }
            _ => {
                let said = xml.create_element("system-out");
                said.write_text_content(BytesText::new(&text))?;
            }
        }
        Ok(())
    })?;
    Ok(())
}

fn unfit(target: &str, why: &str) -> io::Result<Vec<u8>> {
    let mut xml = begin()?;
    let suites = one_error(xml.create_element("testsuites")).with_attribute(("name", NAME));
    suites.write_inner_content(|xml| {
        let suite = one_error(xml.create_element("testsuite")).with_attribute(("name", "target"));
        suite.write_inner_content(|xml| unfit_case(xml, target, why))?;
        Ok(())
    })?;
    Ok(end(xml))
}

fn one_error(element: Element<'_>) -> Element<'_> {
    element
        .with_attribute(("tests", "1"))
        .with_attribute(("errors", "1"))
}

fn unfit_case(xml: &mut Xml, target: &str, why: &str) -> io::Result<()> {
    let case = xml
        .create_element("testcase")
        .with_attribute(("classname", "target"))
        .with_attribute(("name", clean(target).as_str()));
    case.write_inner_content(|xml| {
        let error = xml
            .create_element("error")
            .with_attribute(("type", "unfit"));
        let error = error.with_attribute(("message", clean(why).as_str()));
        error.write_empty()?;
        Ok(())
    })?;
    Ok(())
}

fn begin() -> io::Result<Xml> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    Ok(xml)
}

fn end(xml: Xml) -> Vec<u8> {
    let mut bytes = xml.into_inner();
    bytes.push(b'\n');
    bytes
}

fn seconds(micros: u64) -> String {
    format!("{:.6}", Duration::from_micros(micros).as_secs_f64())
}

/// Without what XML 1.0 has no way to write, escaped or not.
fn clean(text: &str) -> String {
    let is_written = |c: &char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().filter(is_written).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_left_out_and_the_rest_escaped() {
        let target = "<a>&\"b\"'\u{0}\u{1b}[31m\u{fffe}\n";
        let text = String::from_utf8(unfit(target, "]]>").expect("XML")).expect("UTF-8");
        assert!(
            text.contains("name=\"&lt;a&gt;&amp;&quot;b&quot;&apos;[31m\""),
            "{text}"
        );
        assert!(text.contains("message=\"]]&gt;\""), "{text}");
    }
}
