package store

import "context"

// pruneRuns deletes events whose runs ended long enough ago, with all that belongs
// to them. Reports that were not sent stay to be sent.
func (s *Store) pruneRuns(ctx context.Context, until int64, count *int64) error {
	const query = "SELECT seq FROM runs WHERE seq > ? AND due IS NULL AND ended < ? ORDER BY seq LIMIT ?"
	return s.walk(ctx, query, until, func(in string, seqs []any) error {
		var n int64
		err := s.do(ctx, false, func(ctx context.Context, t tx) (err error) {
			if _, err = t.exec(ctx, "DELETE FROM reports WHERE seq IN "+in+" AND (version = sent_version OR dead <> '')", seqs...); err != nil {
				return err
			}
			n, err = t.exec(ctx, "DELETE FROM events WHERE seq IN "+in, seqs...)
			return err
		})
		if err == nil {
			*count += n
		}
		return err
	})
}
