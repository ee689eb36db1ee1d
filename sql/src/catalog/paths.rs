//! UFlink's `object.field TYPE AS name`: one ROW column for each object, which nobody sees, and a
//! computed column for each name.

use tidegate_core::{Column, DataType, Error, Result, SqlType};

use crate::ast::Name;

/// A tree of the fields that paths mention.
#[derive(Default)]
pub struct Objects {
    roots: Vec<Node>,
}

struct Node {
    name: String,
    /// The type, of a leaf.
    leaf: Option<DataType>,
    /// Elements of an array, of which the children are the fields.
    array: bool,
    children: Vec<Node>,
}

impl Objects {
    /// Adds a path with the type of its last field; the text of an expression that reads it.
    pub fn add(&mut self, path: &[Name], data_type: &DataType) -> Result<String> {
        let mut level = &mut self.roots;
        let mut text = String::new();
        let last = path.len().saturating_sub(1);
        let mut i = 0;
        while let Some(part) = path.get(i) {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(&format!("`{}`", part.text.replace('`', "``")));
            let index = path.get(i + 1).and_then(|n| index_of(&n.text));
            let at = level.iter().position(|n| n.name == part.text).unwrap_or_else(|| {
                level.push(Node { name: part.text.clone(), leaf: None, array: index.is_some(), children: Vec::new() });
                level.len() - 1
            });
            if let Some(n) = index {
                // Indexes count from 0 in a path, from 1 in SQL.
                text.push_str(&format!("[{}]", n + 1));
                i += 1;
            }
            let node = &mut level[at];
            if i >= last {
                if node.leaf.as_ref().is_some_and(|t| t != data_type) || !node.children.is_empty() {
                    return Err(conflict(part));
                }
                node.leaf = Some(data_type.clone());
                return Ok(text);
            }
            if node.leaf.is_some() || node.array != index.is_some() {
                return Err(conflict(part));
            }
            level = &mut node.children;
            i += 1;
        }
        Ok(text)
    }

    /// The columns that hold the objects.
    pub fn columns(&self) -> Vec<Column> {
        self.roots.iter().map(column).collect()
    }
}

fn conflict(part: &Name) -> Error {
    Error::user(format!("'{}' has two types in the paths of this table", part.text)).at(part.span)
}

/// The `n` of a path part `[n]`.
fn index_of(text: &str) -> Option<u32> {
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn column(node: &Node) -> Column {
    let inner = match &node.leaf {
        Some(t) => t.clone(),
        None => SqlType::Row(node.children.iter().map(column).collect()).nullable(),
    };
    let data_type = if node.array { SqlType::Array(Box::new(inner)).nullable() } else { inner };
    Column::new(node.name.clone(), data_type)
}
