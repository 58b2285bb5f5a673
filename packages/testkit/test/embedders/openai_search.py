"""Prints the text that is nearest to the query."""

import json
import sys

import openai

base_url, key, model, texts, query = sys.argv[1:6]
texts = json.loads(texts)
client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)
made = client.embeddings.create(model=model, input=texts)
assert made.usage.prompt_tokens > len(texts)
asked = client.embeddings.create(model=model, input=query).data[0].embedding
assert abs(sum(value * value for value in asked) - 1) < 1e-4
near = [sum(a * b for a, b in zip(one.embedding, asked, strict=True)) for one in made.data]
print(texts[near.index(max(near))])
