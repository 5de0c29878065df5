/**
 * From the tensor names of LLaDA's modelling code, which descend from OLMo, to those of the Llama family. LLaDA-MoE
 * and Dream have the latter already. Source: the layer names of LLaDAModel and LLaDALlamaBlock.
 */

const outer = new Map([
  ['wte', 'model.embed_tokens'],
  ['ln_f', 'model.norm'],
  ['ff_out', 'lm_head'],
]);

const inBlock = new Map([
  ['attn_norm', 'input_layernorm'],
  ['q_proj', 'self_attn.q_proj'],
  ['k_proj', 'self_attn.k_proj'],
  ['v_proj', 'self_attn.v_proj'],
  ['attn_out', 'self_attn.o_proj'],
  ['ff_norm', 'post_attention_layernorm'],
  ['ff_proj', 'mlp.gate_proj'],
  ['up_proj', 'mlp.up_proj'],
  ['ff_out', 'mlp.down_proj'],
]);

/** The Llama family's name of a LLaDA tensor; any other name stays as it is. */
export function llamaName(name: string): string {
  const match = /^model\.transformer\.(?:blocks\.(\d+)\.)?([a-z_]+)\.weight$/.exec(name);
  if (!match) return name;
  const [, layer, part] = match;
  if (layer === undefined) return outer.has(part) ? `${outer.get(part)}.weight` : name;
  return inBlock.has(part) ? `model.layers.${layer}.${inBlock.get(part)}.weight` : name;
}
