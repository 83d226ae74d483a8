package embedded

import "strconv"

// stmtKey names a prepared statement: what it does and the numbers of the
// tables it is about. Keys instead of SQL text keep the hot paths free of
// string building.
type stmtKey struct {
	does  purpose
	docs  int64
	index int64
}

// purpose is what a statement does.
type purpose uint8

const (
	beginRead purpose = iota
	beginWrite
	commit
	rollback
	savepoint
	releaseSavepoint
	rollbackSavepoint

	docByID      // ?1 id → rid, doc
	docByRID     // ?1 rid → rid, doc
	docsAll      // → rid, doc
	docsAllDown  // → rid, doc, the latest first
	docsMax      // → the greatest rid
	idsMax       // → the greatest rid that an id leads to
	docsUp       // ?1 ≤ id < ?2 → rid, doc, ascending
	docsDown     // ?1 ≤ id < ?2 → rid, doc, descending
	docsCountAll // → count, from the sizes of pages
	docsCount    // ?1 limit → count
	docsCountIDs // ?1 ≤ id < ?2, ?3 limit → count
	docsSize     // → count, sum of lengths
	idsSize      // → count, sum of lengths
	insertDoc    // ?1 id, ?2 doc; nothing when the id is taken
	updateDoc    // ?1 rid, ?2 doc
	deleteDoc    // ?1 rid
	idByRID      // ?1 rid → id

	indexUp        // ?1 ≤ k < ?2 → rid, doc, ascending
	indexDown      // ?1 ≤ k < ?2 → rid, doc, descending
	rowsUp         // ?1 ≤ k < ?2 → rid, ascending
	rowsDown       // ?1 ≤ k < ?2 → rid, descending
	indexCount     // ?1 ≤ k < ?2, ?3 limit → count of entries
	indexCountRIDs // ?1 ≤ k < ?2, ?3 limit → count of documents
	indexHolder    // ?1 k, ?2 rid that does not matter → rid
	indexSize      // → count of entries, sum of lengths
	insertEntry    // ?1 k, ?2 rid
	deleteEntry    // ?1 k, ?2 rid
	indexAll       // → k, rid in order of rid
	indexTwice     // → rid, count for each k of several documents
	insertTerm     // ?1 k, ?2 rid, ?3 score; of a text index, as what follows
	entriesOfTerm  // ?1 k, ?2 < rid, ?3 limit → rid, score in order of rid
	countTerm      // ?1 k, ?2 limit → count of entries
	termsAll       // → k, rid, score in order of rid
	setMultikey    // ?1 bits; the index is the key's
	setIndex       // ?1 spec; the index is the key's

	integrity       // → what is wrong with the file, or "ok"
	listTables      // → name
	anyCollection   // → 1 if there is a collection
	listCollections // → n, name
	listIndexes     // → n, collection, name, spec, multikey
	addCollection   // ?1 name
	addIndex        // ?1 collection, ?2 name, ?3 spec
	removeIndex     // the index is the key's
	removeCollection
	restoreCollection // ?1 n, ?2 name
	restoreIndex      // ?1 n, ?2 collection, ?3 name, ?4 spec
	restoreDoc        // ?1 rid, ?2 id, ?3 doc; nothing when either is taken

	countFree  // → free pages
	countPages // → pages
	vacuum     // gives free pages back
)

// unlimited is SQLite's LIMIT for no limit.
const unlimited = -1

// The tables that say what the others are. Numbers of dropped collections and
// indexes are never given again, so that a reader with an old catalog can't
// mistake one table for another.
const (
	createCollections = `CREATE TABLE collections (
	n    INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE
) STRICT`
	createIndexes = `CREATE TABLE indexes (
	n          INTEGER PRIMARY KEY AUTOINCREMENT,
	collection INTEGER NOT NULL REFERENCES collections (n),
	name       TEXT NOT NULL,
	spec       BLOB NOT NULL,
	multikey   INTEGER NOT NULL DEFAULT 0,
	UNIQUE (collection, name)
) STRICT`
)

// createDocs and createIndex make the tables of a collection and of an index.
// A document's id is the index key of its _id; an index entry's k is the
// concatenated keys of the indexed fields.
func createDocs(n int64) string {
	return "CREATE TABLE " + docsTable(n) +
		" (rid INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, doc BLOB NOT NULL) STRICT"
}

func createIndex(n int64) string {
	return "CREATE TABLE " + indexTable(n) +
		" (k BLOB NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (k, rid)) STRICT, WITHOUT ROWID"
}

// createTextIndex makes the table of a text index, of which k is a term's key
// and score what the term is worth in the document.
func createTextIndex(n int64) string {
	return "CREATE TABLE " + indexTable(n) +
		" (k BLOB NOT NULL, rid INTEGER NOT NULL, score REAL NOT NULL, PRIMARY KEY (k, rid)) STRICT, WITHOUT ROWID"
}

func dropDocs(n int64) string  { return "DROP TABLE " + docsTable(n) }
func dropIndex(n int64) string { return "DROP TABLE " + indexTable(n) }

// What the names of the tables begin with, before a number.
const (
	docsPrefix  = "docs_"
	indexPrefix = "ix_"
)

func docsTable(n int64) string  { return docsPrefix + strconv.FormatInt(n, 10) }
func indexTable(n int64) string { return indexPrefix + strconv.FormatInt(n, 10) }

// sql returns the statement's text. CROSS JOIN and the ordering pin SQLite's
// own plan to the index that was chosen.
func (k stmtKey) sql() string {
	docs, index := docsTable(k.docs), indexTable(k.index)
	n := strconv.FormatInt(k.index, 10)
	switch k.does {
	case beginRead:
		return "BEGIN"
	case beginWrite:
		return "BEGIN IMMEDIATE"
	case commit:
		return "COMMIT"
	case rollback:
		return "ROLLBACK"
	case savepoint:
		return "SAVEPOINT operation"
	case releaseSavepoint:
		return "RELEASE operation"
	case rollbackSavepoint:
		return "ROLLBACK TO operation"

	case docByID:
		return "SELECT rid, doc FROM " + docs + " WHERE id = ?1"
	case docByRID:
		return "SELECT rid, doc FROM " + docs + " WHERE rid = ?1"
	case docsAll:
		return "SELECT rid, doc FROM " + docs + " ORDER BY rid"
	case docsAllDown:
		return "SELECT rid, doc FROM " + docs + " ORDER BY rid DESC"
	case docsMax:
		return "SELECT max(rid) FROM " + docs
	case idsMax:
		return "SELECT max(+rid) FROM " + docs + " INDEXED BY sqlite_autoindex_" + docs + "_1"
	case docsUp:
		return "SELECT rid, doc FROM " + docs + " WHERE id >= ?1 AND id < ?2 ORDER BY id"
	case docsDown:
		return "SELECT rid, doc FROM " + docs + " WHERE id >= ?1 AND id < ?2 ORDER BY id DESC"
	case docsCountAll:
		return "SELECT count(*) FROM " + docs
	case docsCount:
		return "SELECT count(*) FROM (SELECT 1 FROM " + docs + " LIMIT ?1)"
	case docsCountIDs:
		return "SELECT count(*) FROM (SELECT 1 FROM " + docs + " WHERE id >= ?1 AND id < ?2 LIMIT ?3)"
	case docsSize:
		return "SELECT count(*), coalesce(sum(length(doc)), 0) FROM " + docs
	case idsSize:
		return "SELECT count(*), coalesce(sum(length(id)), 0) FROM " + docs
	case insertDoc:
		return "INSERT INTO " + docs + " (id, doc) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING"
	case updateDoc:
		return "UPDATE " + docs + " SET doc = ?2 WHERE rid = ?1"
	case deleteDoc:
		return "DELETE FROM " + docs + " WHERE rid = ?1"
	case idByRID:
		return "SELECT id FROM " + docs + " WHERE rid = ?1"

	case indexUp:
		return "SELECT d.rid, d.doc FROM " + index + " AS i CROSS JOIN " + docs +
			" AS d ON d.rid = i.rid WHERE i.k >= ?1 AND i.k < ?2 ORDER BY i.k, i.rid"
	case indexDown:
		return "SELECT d.rid, d.doc FROM " + index + " AS i CROSS JOIN " + docs +
			" AS d ON d.rid = i.rid WHERE i.k >= ?1 AND i.k < ?2 ORDER BY i.k DESC, i.rid DESC"
	case rowsUp:
		return "SELECT rid FROM " + index + " WHERE k >= ?1 AND k < ?2 ORDER BY k, rid"
	case rowsDown:
		return "SELECT rid FROM " + index + " WHERE k >= ?1 AND k < ?2 ORDER BY k DESC, rid DESC"
	case indexCount:
		return "SELECT count(*) FROM (SELECT 1 FROM " + index + " WHERE k >= ?1 AND k < ?2 LIMIT ?3)"
	case indexCountRIDs:
		return "SELECT count(*) FROM (SELECT DISTINCT rid FROM " + index + " WHERE k >= ?1 AND k < ?2 LIMIT ?3)"
	case indexHolder:
		return "SELECT rid FROM " + index + " WHERE k = ?1 AND rid <> ?2 LIMIT 1"
	case indexSize:
		return "SELECT count(*), coalesce(sum(length(k)), 0) FROM " + index
	case insertEntry:
		return "INSERT INTO " + index + " (k, rid) VALUES (?1, ?2)"
	case deleteEntry:
		return "DELETE FROM " + index + " WHERE k = ?1 AND rid = ?2"
	case indexAll:
		return "SELECT k, rid FROM " + index + " ORDER BY rid, k"
	case indexTwice:
		return "SELECT min(rid), count(*) FROM " + index + " GROUP BY k HAVING count(*) > 1"
	case insertTerm:
		return "INSERT INTO " + index + " (k, rid, score) VALUES (?1, ?2, ?3)"
	case entriesOfTerm:
		return "SELECT rid, score FROM " + index + " WHERE k = ?1 AND rid > ?2 ORDER BY rid LIMIT ?3"
	case countTerm:
		return "SELECT count(*) FROM (SELECT 1 FROM " + index + " WHERE k = ?1 LIMIT ?2)"
	case termsAll:
		return "SELECT k, rid, score FROM " + index + " ORDER BY rid, k"
	case setIndex:
		return "UPDATE indexes SET spec = ?1 WHERE n = " + n
	case setMultikey:
		return "UPDATE indexes SET multikey = multikey | ?1 WHERE n = " + n

	case integrity:
		return "PRAGMA integrity_check(20)"
	case listTables:
		return "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
	case anyCollection:
		return "SELECT 1 FROM collections LIMIT 1"
	case listCollections:
		return "SELECT n, name FROM collections ORDER BY n"
	case listIndexes:
		return "SELECT n, collection, name, spec, multikey FROM indexes ORDER BY n"
	case addCollection:
		return "INSERT INTO collections (name) VALUES (?1) RETURNING n"
	case addIndex:
		return "INSERT INTO indexes (collection, name, spec) VALUES (?1, ?2, ?3) RETURNING n"
	case removeIndex:
		return "DELETE FROM indexes WHERE n = " + n
	case removeCollection:
		return "DELETE FROM collections WHERE n = " + strconv.FormatInt(k.docs, 10)
	case restoreCollection:
		return "INSERT INTO collections (n, name) VALUES (?1, ?2)"
	case restoreIndex:
		return "INSERT INTO indexes (n, collection, name, spec) VALUES (?1, ?2, ?3, ?4)"
	case restoreDoc:
		return "INSERT INTO " + docs + " (rid, id, doc) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING"

	case countFree:
		return "PRAGMA freelist_count"
	case countPages:
		return "PRAGMA page_count"
	case vacuum:
		return "PRAGMA incremental_vacuum(" + strconv.Itoa(giveBackPages) + ")"
	}
	return ""
}
