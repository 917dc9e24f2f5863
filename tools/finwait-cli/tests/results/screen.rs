//! A terminal's screen, as far as progress needs one.

/// What is to be seen, line by line.
pub(crate) struct Screen {
    lines: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Screen {
    /// After all this was written to it.
    pub(crate) fn after(written: &str) -> Self {
        let mut screen = Self {
            lines: vec![Vec::new()],
            row: 0,
            column: 0,
        };
        let mut chars = written.chars();
        while let Some(char) = chars.next() {
            match char {
                '\r' => screen.column = 0,
                '\n' => screen.down(1),
                '\x1b' if chars.next() == Some('[') => {
                    let mut number = String::new();
                    let letter = loop {
                        match chars.next() {
                            Some(c) if c.is_ascii_alphabetic() => break c,
                            Some(c) => number.push(c),
                            None => panic!("a broken sequence in {written:?}"),
                        }
                    };
                    screen.command(&number, letter);
                }
                '\x1b' => panic!("an unknown sequence in {written:?}"),
                char => screen.put(char),
            }
        }
        screen
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self
            .lines
            .iter()
            .map(|line| line.iter().collect::<String>());
        let lines = lines.map(|line| line.trim_end().to_owned());
        lines.skip_while(String::is_empty).collect()
    }

    fn command(&mut self, number: &str, letter: char) {
        let n = number.parse().unwrap_or(1);
        match (letter, number) {
            ('A', _) => self.row = self.row.saturating_sub(n),
            ('B', _) => self.down(n),
            ('K', "2") => self.lines[self.row].clear(),
            ('K', "" | "0") => self.lines[self.row].truncate(self.column),
            ('J', "" | "0") => {
                self.lines[self.row].truncate(self.column);
                self.lines.truncate(self.row + 1);
            }
            ('G', _) => self.column = n - 1,
            // Colours, and whether the cursor is shown.
            ('m' | 'h' | 'l', _) => {}
            _ => panic!("an unknown sequence: {number}{letter}"),
        }
    }

    fn down(&mut self, n: usize) {
        self.row += n;
        if self.lines.len() <= self.row {
            self.lines.resize(self.row + 1, Vec::new());
        }
    }

    fn put(&mut self, char: char) {
        let line = &mut self.lines[self.row];
        if line.len() <= self.column {
            line.resize(self.column + 1, ' ');
        }
        line[self.column] = char;
        self.column += 1;
    }
}
