package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/franela/pocketci/event"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date, forwards only, and refuses one that is
// newer than this program.
func (s *Store) migrate(ctx context.Context, d goose.Dialect, db *sql.DB, opts ...goose.ProviderOption) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	opts = append(opts, goose.WithDisableGlobalRegistry(true), goose.WithTableName("schema_versions"))
	p, err := goose.NewProvider(d, db, files, opts...)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	have, known, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if have > known {
		return &event.Problem{
			Public: fmt.Sprintf("the store's schema is version %d, newer than version %d that this program knows", have, known),
			Hint:   "start the newer program again, or one newer still; there is no way back",
		}
	}
	results, err := p.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate from version %d: %w", have, err)
	}
	for _, r := range results {
		s.cfg.Log.Info().Int64("version", r.Source.Version).Dur("took", r.Duration).Msg("store migrated")
	}
	return nil
}
