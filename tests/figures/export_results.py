"""A finished `export` result: a stock folder in two shards, blocks dropped and merged."""

from dataclasses import replace

from linearity.contracts.ablation import Point
from linearity.contracts.export import (
    Architecture,
    ExportedFile,
    ExportResult,
    Generated,
    Proof,
)
from linearity.contracts.plan import MeasuredStep
from linearity.contracts.serving import deliver
from tests.backend.builders import a_model
from tests.figures.ablation_results import a_plan, a_quality

PLAN = "2:drop,4-5:merged"


def an_export(*, stock: bool = True) -> ExportResult:
    """Return a finished `export` result; `stock` or with a linear map."""
    around = a_plan()
    names = ("config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    architecture = Architecture(
        name="LlamaForCausalLM",
        model_type="llama",
        is_stock=True,
        blocks=3,
        origins=[[0, 0], [1, 1], [3, 5]],
        linear_blocks=[],
        uneven=[],
        dtype="float32",
        parameters=900_000,
        dense_parameters=1_500_000,
        weight_bytes=3_600_000,
        dense_weight_bytes=6_000_000,
    )
    if not stock:
        architecture = replace(
            architecture,
            name="LinearLlamaForCausalLM",
            model_type="linearscope_llama",
            is_stock=False,
            linear_blocks=[2],
        )
    proof = a_proof()
    return ExportResult(
        id="0123456789abcdef" * 2,
        created=around.created,
        model=around.model,
        dataset=around.dataset,
        params={
            name: value
            for name, value in around.params.items()
            if name not in ("split", "fidelity")
        }
        | {"plan": PLAN, "healed": "", "max_shard_bytes": 5_000_000_000},
        environment=around.environment,
        splits=around.splits,
        protocol=around.protocol,
        dense=around.dense,
        steps=[MeasuredStep(2, 2, "drop", None, None), MeasuredStep(4, 5, "merged", 0.03, None)],
        point=Point.of(changed=3, plan=PLAN, edge=False, quality=a_quality(0.11)),
        architecture=architecture,
        proof=proof,
        delivery=deliver(
            "SmolLM2-135M-Instruct-changed3-01234567",
            a_model(licence="apache-2.0"),
            architecture,
            proof,
            ["LICENSE", "generation_config.json", "tokenizer.json"],
        ),
        files=[
            ExportedFile(name, f"{number:064x}", 1000 * number + 715)
            for number, name in enumerate(names)
        ],
        finding={
            "en": "The plan is a stock LlamaForCausalLM.",
            "ja": "標準の LlamaForCausalLM です。",
        },
        warnings=[],
    )


def a_proof() -> Proof:
    """Return what a fresh process found of a folder that is the plan."""
    return Proof(
        tokens=2031,
        nll_plan=3.25,
        nll=3.25000001,
        nll_difference=1e-8,
        logits_difference=2e-6,
        logits_largest=31.5,
        top1=1.0,
        generated=Generated(prompts=2, tokens=16, same_as_plan=32, same_without_cache=32),
        parameters=900_000,
        saved_again=True,
        device="cpu",
        seconds=7.7,
        versions={"python": "3.11.7", "torch": "2.13.0", "transformers": "5.23.0"},
    )
