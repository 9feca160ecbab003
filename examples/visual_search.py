"""Groceries by photo: show a fruit, a vegetable or a carton, get the product and what is like it.

The photos are the Grocery Store Dataset of Klasson, Zhang and Kjellström (WACV 2019, MIT licence),
https://github.com/marcusklasson/GroceryStoreDataset, with its lists as two tables: SHORTLIST_DATA/grocery/photos.csv
(image, part, product_id) and products.csv (product_id, product, group, description).
"""

import os
from pathlib import Path

import polars as pl

from shortlist import (
    BM25,
    Category,
    EfficientNetLite0,
    Entity,
    FineTune,
    Group,
    Image,
    LogisticRegression,
    Match,
    System,
    Table,
    Text,
    Visual,
)

folder = Path(os.environ.get("SHORTLIST_DATA", "data")).resolve() / "grocery"
products = pl.read_csv(folder / "products.csv").select("product_id", "product", "group", "description")
photos = (
    pl.read_csv(folder / "photos.csv")
    .filter(pl.col("part") == "train")  # the others are the queries of a benchmark
    .join(products, on="product_id")
    .with_columns(file=pl.lit(f"{folder}/") + pl.col("image"))
)

system = System(
    name="grocery",
    item=Entity(
        "image",
        Table(photos),
        photo=Image("file"),
        title="product",
        product=Category("product"),
        kind=Category("group"),
        description=Text("description"),
    ),
    objectives=[Match("same product", by="product")],
    sources=[
        Visual(
            on="photo",
            encoder=EfficientNetLite0(crop_share=0.75),  # users hold the object in the middle
            fine_tune=FineTune(by="product"),  # backbone=True finds more, and takes ten minutes
        ),
        BM25(on=("title", "kind", "description")),
    ],
    rankers=[LogisticRegression()],
    order=[Group(by="product")],  # a product's photos are one result
)
