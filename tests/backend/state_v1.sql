-- What version 1 of the tables wrote: a data folder as the release before wrote it, cut to one input of each kind.
CREATE TABLE attempts (
	run_id VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	worker VARCHAR, 
	started VARCHAR NOT NULL, 
	heartbeat VARCHAR NOT NULL, 
	ended VARCHAR, 
	outcome VARCHAR, 
	PRIMARY KEY (run_id, number), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
CREATE TABLE inputs (
	kind VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	source VARCHAR NOT NULL, 
	reference VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	record JSON, 
	problem JSON, 
	created VARCHAR NOT NULL, 
	attempt INTEGER NOT NULL, 
	deaths INTEGER DEFAULT '0' NOT NULL, 
	worker VARCHAR, 
	heartbeat VARCHAR, 
	PRIMARY KEY (kind, id)
);
CREATE TABLE openings (
	run_id VARCHAR NOT NULL, 
	model VARCHAR NOT NULL, 
	dataset VARCHAR NOT NULL, 
	opened VARCHAR NOT NULL, 
	PRIMARY KEY (run_id)
);
CREATE TABLE runs (
	id VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	model_id VARCHAR NOT NULL, 
	dataset_id VARCHAR NOT NULL, 
	model_name VARCHAR NOT NULL, 
	dataset_name VARCHAR NOT NULL, 
	request JSON NOT NULL, 
	status VARCHAR NOT NULL, 
	attempt INTEGER NOT NULL, 
	deaths INTEGER DEFAULT '0' NOT NULL, 
	created VARCHAR NOT NULL, 
	started VARCHAR, 
	finished VARCHAR, 
	error JSON, 
	result VARCHAR, 
	seconds FLOAT, 
	quarantined BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (id)
);
CREATE INDEX ix_runs_model_id ON runs (model_id);
CREATE INDEX ix_runs_status ON runs (status);
CREATE INDEX ix_runs_dataset_id ON runs (dataset_id);
CREATE INDEX ix_runs_created ON runs (created);
CREATE INDEX ix_openings_model ON openings (model);
INSERT INTO inputs VALUES('model','glass-en','GlassLM English (4 blocks)','builtin','glass-en','ready','{"id": "glass-en", "name": "GlassLM English (4 blocks)", "source": "builtin", "reference": "glass-en", "fingerprint": "ed82293eaaf39939e30748ab60f83bc94c143f9447c3a1cd5cf0d655a876fc5e", "family": "llama", "blocks": 4, "width": 128, "vocabulary": 1024, "context": 128, "parameters": 852608, "dtype": "float32", "size": 3477778, "files": [{"name": "config.json", "sha256": "a9448c2a936941b74b8307727cf3c684f689d3768aa316a4615b0384a27a3888", "size": 479, "path": null, "modified_ns": null}, {"name": "tokenizer.json", "sha256": "c8c63f937dca2a316db999e849a3b0813fe1c9e357419f0baa3a7de6411f5498", "size": 62681, "path": null, "modified_ns": null}, {"name": "tokenizer_config.json", "sha256": "7e48dc1801d23b9e972eb663b44121c6f510a7924029b7c18af3b8f6c3432d29", "size": 146, "path": null, "modified_ns": null}, {"name": "model.safetensors", "sha256": "4cc561029d4de0302cf06211488dd8577016f0f7304957a8914ef3d048e27917", "size": 3414472, "path": null, "modified_ns": null}]}',NULL,'2026-11-25T09:20:07.446Z',1,0,'vm-4701-391d','2026-11-25T09:20:28.683Z');
INSERT INTO inputs VALUES('dataset','python-docs','Python language reference topics','builtin','python-docs','ready','{"id": "python-docs", "name": "Python language reference topics", "source": "builtin", "reference": "python-docs", "fingerprint": "9c834ab295baa1d9e030e52f20306c5d440c88831ea24186d9aa54fd4ed0583c", "documents": 79, "characters": 464970, "size": 486594, "prompts": 0, "categories": 0}',NULL,'2026-11-25T09:20:07.465Z',1,0,'vm-4701-391d','2026-11-25T09:20:28.889Z');
INSERT INTO inputs VALUES('dataset','local-1','notes','path','/srv/notes','rejected',NULL,'{"code": "rejected_input", "message": "there is no text in it", "next_step": "", "retryable": false, "data": {"reason": "no_text"}}','2026-11-20T08:00:00.000Z',2,0,NULL,NULL);
INSERT INTO runs VALUES('a6ec2e129dccadfb18a6be3c82106eba','linearity','glass-en','python-docs','GlassLM English (4 blocks)','Python language reference topics','{"kind": "linearity", "schema": 1, "method": 1, "model": "ed82293eaaf39939e30748ab60f83bc94c143f9447c3a1cd5cf0d655a876fc5e", "dataset": "9c834ab295baa1d9e030e52f20306c5d440c88831ea24186d9aa54fd4ed0583c", "params": {"tokens": 4096, "context": 128, "heldout": 0.25, "seed": 0, "ridge": "auto", "exclude": "sinks", "pairs": "all", "repeats": 1, "granularity": "block", "dtype": "float32", "attention": "sdpa"}}','finished',1,0,'2026-11-25T09:20:37.533Z','2026-11-25T09:24:31.386Z','2026-11-25T09:24:32.898Z',NULL,'dab3b66a3d39426a1f5e108e5b0f868ac71c4077e0bad63f698c22020abc0030',1.5010266940007568,0);
INSERT INTO runs VALUES('11111111111111111111111111111111','plan','glass-en','python-docs','GlassLM English (4 blocks)','Python language reference topics','{"kind": "plan", "schema": 1, "method": 1, "model": "ed82293eaaf39939e30748ab60f83bc94c143f9447c3a1cd5cf0d655a876fc5e", "dataset": "9c834ab295baa1d9e030e52f20306c5d440c88831ea24186d9aa54fd4ed0583c", "params": {"plan": "1:linear,2:drop", "fitting": "one_shot", "split": "select", "fidelity": "full", "fit_tokens": 16384, "select_tokens": 2048, "report_tokens": 4096, "context": 128, "seed": 0, "ridge": "auto", "dtype": "float32", "attention": "sdpa"}}','queued',1,0,'2026-11-25T09:25:02.485Z',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO runs VALUES('22222222222222222222222222222222','ablation','glass-en','python-docs','GlassLM English (4 blocks)','Python language reference topics','{"kind": "ablation", "schema": 1, "method": 1, "model": "ed82293eaaf39939e30748ab60f83bc94c143f9447c3a1cd5cf0d655a876fc5e", "dataset": "9c834ab295baa1d9e030e52f20306c5d440c88831ea24186d9aa54fd4ed0583c", "params": {"strategies": ["update_linearity", "stream_linearity", "block_influence", "single_damage"], "actions": ["drop", "linear"], "fitting": ["one_shot"], "changed": 2, "interaction": 4, "random_seeds": 5, "fit_tokens": 16384, "select_tokens": 2048, "report_tokens": 4096, "context": 128, "seed": 0, "ridge": "auto", "dtype": "float32", "attention": "sdpa"}}','running',1,0,'2026-11-25T09:20:37.545Z','2026-11-25T09:24:36.336Z',NULL,NULL,NULL,NULL,0);
INSERT INTO runs VALUES('33333333333333333333333333333333','answers','glass-en','python-docs','GlassLM English (4 blocks)','Python language reference topics','{"kind": "answers", "schema": 1, "method": 1, "model": "ed82293eaaf39939e30748ab60f83bc94c143f9447c3a1cd5cf0d655a876fc5e", "dataset": "9c834ab295baa1d9e030e52f20306c5d440c88831ea24186d9aa54fd4ed0583c", "params": {"plan": "1:linear", "fitting": "one_shot", "prompts": 10, "prompt_tokens": 32, "new_tokens": 32, "template": "auto", "canaries": [], "fit_tokens": 16384, "select_tokens": 2048, "report_tokens": 4096, "context": 128, "seed": 0, "ridge": "auto", "dtype": "float32", "attention": "sdpa"}}','failed',3,3,'2026-11-25T09:20:37.540Z','2026-11-25T09:24:33.014Z','2026-11-25T09:24:36.106Z','{"code": "worker_lost", "message": "the worker process died 3 times while working on this", "next_step": "", "retryable": false, "data": {"deaths": 3}}',NULL,NULL,1);
INSERT INTO attempts VALUES('a6ec2e129dccadfb18a6be3c82106eba',1,'worker-1','2026-11-25T09:24:31.386Z','2026-11-25T09:24:32.435Z','2026-11-25T09:24:32.900Z','finished');
INSERT INTO attempts VALUES('22222222222222222222222222222222',1,'worker-1','2026-11-25T09:24:36.336Z','2026-11-25T09:24:41.521Z',NULL,NULL);
INSERT INTO openings VALUES('44444444444444444444444444444444','ed82293eaaf39939e30748ab60f83bc94c143f9447c3a1cd5cf0d655a876fc5e','9c834ab295baa1d9e030e52f20306c5d440c88831ea24186d9aa54fd4ed0583c','2026-11-22T10:00:00.000Z');
PRAGMA user_version=1;
